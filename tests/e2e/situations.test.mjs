// What LiveChat's Customer SDK does with our identity provider in each situation that it knows, as seen in the browser.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { startShop } from './helpers/shop.mjs';
import { newUser } from './helpers/world.mjs';

const MINUTE_S = 60;
const world = await startShop();
const { livechat, local, sandbox, shop } = world;

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or unexpected frames');
});
after(() => world.stop());

async function openAs(user, options = {}, device = undefined) {
  const tab = await shop.open(device ?? (await world.newDevice()));
  await tab.provide({ user, ...options });
  return tab;
}

const connections = (tab, times) =>
  tab.page.waitForFunction((n) => shop.events.filter(([name]) => name === 'connected').length >= n, times);
/** Why the SDK gave up; after the reasons here, it comes back by itself. */
const end = (tab) =>
  tab.page
    .waitForFunction(
      (passing) => shop.events.find(([name, reason]) => name === 'disconnected' && !passing.includes(reason))?.[1],
      ['connection_lost', 'access_token_expired', 'access_token_revoked'],
    )
    .then((reason) => reason.jsonValue());

test('page load: getToken once', async () => {
  const tab = await openAs(newUser());
  assert.match(await tab.connect(), /\S/);
  assert.deepEqual(tab.requests, ['getToken']);
});

test('a kept token with under an hour left: invalidate, getFreshToken, the same customer', async () => {
  await sandbox.set({ expiresIn: 50 * MINUTE_S });
  const tab = await openAs(newUser(), { cache: 'session' });
  const old = await tab.token();
  const customer = await tab.connect();
  assert.equal(customer, old.entityId);
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

test('LiveChat refuses the token at login: getFreshToken once, and the next login has that token', async () => {
  livechat.refuseTokenOfNextLogin();
  const tab = await openAs(newUser());
  await tab.connect();
  assert.deepEqual(tab.requests, ['getToken', 'getFreshToken']);
  assert.equal(tab.logins.length, 2);
  assert.notEqual(tab.logins[1].accessToken, tab.logins[0].accessToken);
});

test('push access_token_expired: getFreshToken, and a login with that', async () => {
  const tab = await openAs(newUser());
  const customer = await tab.connect();
  await livechat.disconnect('access_token_expired');
  await connections(tab, 2);
  assert.deepEqual(tab.requests, ['getToken', 'getFreshToken']);
  assert.notEqual(tab.logins[1].accessToken, tab.logins[0].accessToken);
  assert.deepEqual(
    tab.logins.map(({ customerId }) => customerId),
    [customer, customer],
  );
});

test('push access_token_revoked, and the user may still call: one more login, with a fresh token', async () => {
  const tab = await openAs(newUser());
  const customer = await tab.connect();
  const { accessToken } = await tab.token();
  // Somebody's logout on another device.
  await fetch(`${sandbox.url}/v2/customer/token`, { method: 'DELETE', headers: { authorization: `Bearer ${accessToken}` } });
  await livechat.disconnect('access_token_revoked');
  await connections(tab, 2);
  assert.deepEqual(tab.requests, ['getToken', 'getFreshToken']);
  assert.deepEqual(
    tab.logins.map(({ customerId }) => customerId),
    [customer, null, customer],
  );
});

test("push access_token_revoked, and the user's session is over: the SDK stops, and calls no more", async () => {
  const tab = await openAs(newUser());
  await tab.connect();
  const { accessToken } = await tab.token();
  await tab.page.route(/get(Fresh)?Token/, (route) =>
    route.fulfill({
      status: 401,
      contentType: 'application/problem+json',
      headers: { 'Access-Control-Allow-Origin': shop.origin },
      body: JSON.stringify({ code: 'unauthenticated', detail: 'log in', requestId: 'r' }),
    }),
  );
  await fetch(`${sandbox.url}/v2/customer/token`, { method: 'DELETE', headers: { authorization: `Bearer ${accessToken}` } });
  await livechat.disconnect('access_token_revoked');
  assert.equal(await end(tab), 'unauthenticated');
  const calls = tab.requests.length;
  assert.ok(calls <= 3, String(tab.requests));
  await tab.page.waitForTimeout(1_500);
  assert.equal(tab.requests.length, calls);
});

test('the backend is down: the SDK tries again, and is in as soon as it is back', async () => {
  await sandbox.fail('http_503', 1_000);
  const tab = await openAs(newUser());
  const login = tab.connect();
  await tab.page.waitForEvent('console', (message) => message.text().startsWith('livechat-cip: getToken: '));
  await sandbox.reset();
  assert.match(await login, /\S/);
  assert.ok(tab.requests.length <= 3, String(tab.requests));
});

test("LiveChat refuses the backend's settings: the SDK stops, with LiveChat's own word", async () => {
  await sandbox.fail('oauth_invalid_request', 1_000);
  const tab = await openAs(newUser());
  assert.deepEqual(await tab.connect(), { reason: 'invalid_request' });
  assert.deepEqual(tab.requests, ['getToken']);
});

test("LiveChat has forgotten the customer: this page ends, and the next one is the new customer's", async () => {
  const user = newUser();
  const tab = await openAs(user);
  const former = await tab.connect();
  await fetch(`${sandbox.url}/sandbox/customers/${former}`, { method: 'DELETE' });
  await livechat.disconnect('access_token_expired');
  assert.equal(await end(tab), 'identity_mismatch');

  const next = await (await openAs(user)).connect();
  assert.notEqual(next, former);
  assert.equal(await (await openAs(user)).connect(), next);
});

test('the backend is gone, and there is a token at hand: reconnecting needs nobody else', async () => {
  const tab = await openAs(newUser());
  const customer = await tab.connect();
  await tab.page.route(`${local.api}/**`, (route) => route.abort());
  await livechat.disconnect('inactivity_timeout');
  await connections(tab, 2);
  assert.deepEqual([tab.logins.length, tab.logins[1].customerId, tab.requests], [2, customer, ['getToken']]);
});

test('a file is uploaded while the backend is gone: with the token at hand (the SDK has no catch there, and would hang)', async () => {
  const tab = await openAs(newUser());
  await tab.connect();
  const { accessToken } = await tab.token();
  await tab.page.route(`${local.api}/**`, (route) => route.abort());
  let authorization;
  await tab.page.route('https://api.livechatinc.com/v3.5/customer/action/upload_file?*', async (route) => {
    authorization = await route.request().headerValue('authorization');
    await route.fulfill({ json: { url: 'https://cdn.livechat-files.com/a.txt' }, headers: { 'Access-Control-Allow-Origin': shop.origin } });
  });
  const uploaded = await tab.page.evaluate(
    () => shop.sdk.uploadFile({ file: new File(['hello'], 'a.txt', { type: 'text/plain' }) }).promise,
  );
  assert.equal(uploaded.url, 'https://cdn.livechat-files.com/a.txt');
  assert.deepEqual([authorization, tab.requests], [`Bearer ${accessToken}`, ['getToken']]);
});
