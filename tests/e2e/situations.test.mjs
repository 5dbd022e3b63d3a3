// What LiveChat's widget and Customer SDK do with our identity provider in each situation, in the browser.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { problem, startShop } from './helpers/shop.mjs';
import { eventually } from './helpers/within.mjs';
import { newUser } from './helpers/world.mjs';

const MINUTE_S = 60;
const world = await startShop();
const { livechat, local, sandbox, shop } = world;

beforeEach(() => sandbox.reset());
afterEach(async () => {
  livechat.reset();
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, unhandled rejections, or unexpected frames');
});
after(() => world.stop());

const connections = (tab, times) =>
  tab.page.waitForFunction((n) => shop.events.filter(([name]) => name === 'connected').length >= n, times);
/** The reason for which the SDK has stopped. The reasons in the list are ignored, because it reconnects after them. */
const end = (tab) =>
  tab.page
    .waitForFunction(
      (temporary) => shop.events.find(([name, reason]) => name === 'disconnected' && !temporary.includes(reason))?.[1],
      ['connection_lost', 'access_token_expired', 'access_token_revoked'],
    )
    .then((reason) => reason.jsonValue());

/** Revokes a token, as a logout on another device would do. */
const revoke = (accessToken) =>
  fetch(`${sandbox.url}/v2/customer/token`, { method: 'DELETE', headers: { authorization: `Bearer ${accessToken}` } });

for (const client of ['widget', 'sdk']) {
  const isWidget = client === 'widget';

  async function openAs(user, options = {}, device = undefined) {
    const tab = await shop.open(device ?? (await world.newDevice()), isWidget ? '/widget' : '/');
    await tab.provide({ user, ...options });
    return tab;
  }
  /** Starts the client. Resolves with the customer's id. */
  const start = async (tab) => {
    if (!isWidget) return tab.connect();
    await tab.embed();
    return tab.chat();
  };

  test(`${client}: page load: getToken once`, async () => {
    const tab = await openAs(newUser());
    assert.match(await start(tab), /\S/);
    assert.deepEqual(tab.requests, ['getToken']);
    assert.deepEqual(await tab.page.evaluate(() => shop.violations), []);
  });

  test(`${client}: a stored token with less than an hour left: invalidate, getFreshToken, the same customer`, async () => {
    await sandbox.set({ expiresIn: 50 * MINUTE_S });
    const tab = await openAs(newUser(), { cache: 'session' });
    const old = await tab.token();
    assert.equal(await start(tab), old.entityId);
    await tab.page.waitForFunction(
      (token) =>
        shop
          .provider()
          .getToken()
          .then(({ accessToken }) => accessToken !== token),
      old.accessToken,
    );
    assert.deepEqual(tab.requests, ['getToken', 'invalidate', 'getFreshToken']);
    assert.equal((await sandbox.state()).customers, 1);
  });

  test(`${client}: LiveChat refuses the token at login: getFreshToken once, and the next login has that token`, async () => {
    livechat.refuseTokenOfNextLogin();
    const tab = await openAs(newUser());
    await start(tab);
    assert.deepEqual(tab.requests, ['getToken', 'getFreshToken']);
    assert.equal(tab.logins.length, 2);
    assert.notEqual(tab.logins[1].accessToken, tab.logins[0].accessToken);
  });

  test(`${client}: push access_token_expired: getFreshToken, and a login with the fresh token`, async () => {
    const tab = await openAs(newUser());
    const customer = await start(tab);
    await livechat.disconnect('access_token_expired');
    await connections(tab, 2);
    assert.deepEqual(tab.requests, ['getToken', 'getFreshToken']);
    assert.notEqual(tab.logins[1].accessToken, tab.logins[0].accessToken);
    assert.deepEqual(
      tab.logins.map(({ customerId }) => customerId),
      [customer, customer],
    );
  });

  test(`${client}: push access_token_revoked, and the user may still call: one more login, with a fresh token`, async () => {
    const tab = await openAs(newUser());
    const customer = await start(tab);
    const { accessToken } = await tab.token();
    await revoke(accessToken);
    await livechat.disconnect('access_token_revoked');
    await connections(tab, 2);
    assert.deepEqual(tab.requests, ['getToken', 'getFreshToken']);
    assert.deepEqual(
      tab.logins.map(({ customerId }) => customerId),
      [customer, null, customer],
    );
  });

  test(`${client}: push access_token_revoked, and the user's session has ended: the chat is removed, and there are no more calls`, async () => {
    const tab = await openAs(newUser());
    await start(tab);
    const { accessToken } = await tab.token();
    await tab.page.route(/get(Fresh)?Token/, (route) =>
      route.fulfill({ ...problem(401, 'unauthenticated'), headers: { 'Access-Control-Allow-Origin': shop.origin } }),
    );
    await revoke(accessToken);
    await livechat.disconnect('access_token_revoked');
    if (!isWidget) assert.equal(await end(tab), 'unauthenticated');
    await tab.page.waitForFunction(() => shop.logouts === 1);
    assert.equal(await tab.page.locator('#livechat').count(), 0);
    const calls = tab.requests.length;
    assert.ok(calls <= 3, String(tab.requests));
    await tab.page.waitForTimeout(1_500);
    assert.equal(tab.requests.length, calls);
  });

  test(`${client}: the backend is down: there is a login as soon as it is back`, async () => {
    await sandbox.fail('http_503', 1_000);
    const tab = await openAs(newUser());
    const login = start(tab);
    await tab.page.waitForEvent('console', (message) => message.text().startsWith('livechat-cip: getToken: '));
    await sandbox.reset();
    assert.match(await login, /\S/);
    assert.ok(tab.requests.length <= 3, String(tab.requests));
  });

  test(`${client}: LiveChat refuses the backend's settings: one call`, async () => {
    await sandbox.fail('oauth_invalid_request', 1_000);
    const tab = await openAs(newUser());
    const outcome = start(tab).catch(() => {});
    await eventually(() => tab.console.some((line) => line.startsWith('livechat-cip: getToken: ')), 'the refusal');
    if (!isWidget) assert.deepEqual(await outcome, { reason: 'invalid_request' });
    await tab.page.waitForTimeout(500);
    assert.deepEqual([tab.requests, await tab.page.evaluate(() => shop.unhandled)], [['getToken'], []]);
  });

  test(`${client}: LiveChat has forgotten the customer: ${isWidget ? 'it continues with the new customer' : 'the SDK stops on this page, and the next page has the new customer'}`, async () => {
    const user = newUser();
    const tab = await openAs(user);
    const former = await start(tab);
    await fetch(`${sandbox.url}/sandbox/customers/${former}`, { method: 'DELETE' });
    await livechat.disconnect('access_token_expired');
    if (isWidget) await tab.page.waitForFunction((id) => document.querySelector('#livechat').textContent !== id, former);
    else assert.equal(await end(tab), 'identity_mismatch');

    const next = await start(await openAs(user));
    assert.notEqual(next, former);
    if (isWidget) {
      assert.equal(await tab.chat(), next);
      assert.ok((await tab.events()).some(([name]) => name === 'identity_changed'));
    }
  });

  test(`${client}: the backend is gone, and the page has a token: it reconnects without a call`, async () => {
    const tab = await openAs(newUser());
    const customer = await start(tab);
    await tab.page.route(`${local.api}/**`, (route) => route.abort());
    await livechat.disconnect('inactivity_timeout');
    await connections(tab, 2);
    assert.deepEqual([tab.logins.length, tab.logins[1].customerId, tab.requests], [2, customer, ['getToken']]);
  });

  test(`${client}: the user logs out: the chat is removed, and there are no more calls`, async () => {
    const tab = await openAs(newUser());
    await start(tab);
    assert.equal(await tab.logout(), true);
    assert.equal(await tab.page.locator('#livechat').count(), 0);
    await tab.page.waitForTimeout(1_500);
    assert.deepEqual(tab.requests, ['getToken', 'invalidate']);
  });

  test(`${client}: LiveChat refuses every token: five fresh tokens, then one per minute`, async (t) => {
    livechat.refusesAll = true;
    const speed = 20;
    livechat.loginLimitMs = 30_000 / speed;
    const tab = await openAs(newUser(), {}, await world.newDevice({ speed }));
    start(tab).catch(() => {});
    const fresh = () => tab.requests.filter((operation) => operation === 'getFreshToken').length;
    await eventually(
      () => fresh() >= 5,
      () => `five calls of getFreshToken: ${tab.requests}`,
    );
    await tab.page.waitForTimeout((5 * 60_000) / speed);
    t.diagnostic(`${fresh()} getFreshToken five minutes after the fifth; ${tab.logins.length} logins`);
    assert.ok(fresh() >= 6 && fresh() <= 11, String(fresh()));
    assert.deepEqual(await tab.page.evaluate(() => shop.unhandled), []);
  });

  test(`${client}: an account in the EU logs in at the hosts of its region`, async () => {
    const device = await world.newDevice({ region: 'fra' });
    const tab = await shop.open(device, isWidget ? '/eu/widget' : '/eu');
    await tab.provide({ user: newUser() });
    if (isWidget) await tab.embed();
    assert.match(isWidget ? await tab.chat() : await tab.connect({ region: 'fra' }), /\S/);
    assert.deepEqual(await tab.page.evaluate(() => shop.violations), []);
  });
}

test('sdk: a file is uploaded while the backend is gone: with the token of the page', async () => {
  const tab = await shop.open(await world.newDevice());
  await tab.provide({ user: newUser() });
  await tab.connect();
  const { accessToken } = await tab.token();
  await tab.page.route(`${local.api}/**`, (route) => route.abort());
  let authorization;
  await tab.page.route('https://api.livechatinc.com/v3.5/customer/action/upload_file?*', async (route) => {
    authorization = await route.request().headerValue('authorization');
    await route.fulfill({
      json: { url: 'https://cdn.livechat-files.com/a.txt' },
      headers: { 'Access-Control-Allow-Origin': shop.origin },
    });
  });
  const uploaded = await tab.page.evaluate(
    () => shop.sdk.uploadFile({ file: new File(['hello'], 'a.txt', { type: 'text/plain' }) }).promise,
  );
  assert.equal(uploaded.url, 'https://cdn.livechat-files.com/a.txt');
  assert.deepEqual([authorization, tab.requests], [`Bearer ${accessToken}`, ['getToken']]);
});
