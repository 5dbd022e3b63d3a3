// web/livechat-cip.js in an unmodified Firefox, driven by WebDriver BiDi: the parts that depend on the browser. The page is on another origin
// than the API, under a strict Content-Security-Policy. LiveChat's SDK does not connect here: its WebSocket cannot be intercepted in Firefox.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, afterEach, beforeEach, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { startShop } from './helpers/shop.mjs';
import { eventually, within } from './helpers/within.mjs';
import { newUser } from './helpers/world.mjs';

const executablePath = process.env.FIREFOX || '/usr/bin/firefox-esr';
assert.ok(existsSync(executablePath), `${executablePath} does not exist: install Firefox, or set FIREFOX to it`);
const world = await startShop(['--auth', 'jwt', '--guests']);
const { local, sandbox, shop } = world;
const firefox = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true, timeout: 180_000 });
const devices = [];

beforeEach(() => sandbox.reset());
afterEach(() => Promise.all(devices.splice(0).map((device) => device.close())));
after(async () => {
  await firefox.close();
  await world.stop();
});

/** A browser context with its own profile. */
async function newDevice() {
  devices.push(await firefox.createBrowserContext());
  return devices.at(-1);
}

/** Opens the shop in a new tab, for `user` or for a guest. */
async function open(device, user, { path = '/', ...options } = {}) {
  const page = await device.newPage();
  const session = user && (await local.session(user));
  const given = { baseUrl: local.api, ...(path === '/' && { token: true }), ...options };
  const provide = async () => {
    await page.evaluate((token) => {
      shop.session = token;
    }, session);
    await page.evaluate((all) => shop.provide(all), given);
  };
  await page.goto(shop.origin + path);
  await provide();
  return {
    page,
    call: (operation) =>
      within(
        60_000,
        page.evaluate((name) => shop.call(name), operation),
        () => `a result of ${operation}`,
      ),
    /** The operations of our API that were called. */
    requests: () =>
      page.evaluate(
        (api) =>
          performance
            .getEntriesByType('resource')
            .filter(({ name }) => name.startsWith(api))
            .map(({ name }) => new URL(name).pathname.slice(1)),
        local.api,
      ),
    reload: async () => {
      await page.reload();
      await provide();
    },
  };
}

test('a page costs one call, and the script does not violate the Content-Security-Policy', async () => {
  const tab = await open(await newDevice(), newUser());
  const [first, second] = await Promise.all([tab.call('getToken'), tab.call('getToken')]);
  assert.match(first.value.accessToken, /\S/);
  assert.deepEqual(second, first);
  assert.deepEqual(await tab.call('hasToken'), { value: true });
  assert.deepEqual(await tab.requests(), ['getToken']);
  const violations = await tab.page.evaluate(() => shop.violations);
  // Firefox requests the icon by itself, sometimes before this check, and reports it as a violation of the page.
  const ofFirefox = `img-src ${shop.origin}/favicon.ico`;
  assert.deepEqual(
    violations.filter((violation) => violation !== ofFirefox),
    [],
  );
});

test('two devices of one user are one customer, and a fresh token of one tab reaches the other tab', async () => {
  const user = newUser();
  const laptop = await newDevice();
  const tabs = [await open(laptop, user), await open(laptop, user)];
  const phone = await open(await newDevice(), user);
  const old = (await tabs[0].call('getToken')).value;
  assert.equal((await phone.call('getToken')).value.entityId, old.entityId);
  assert.equal((await tabs[1].call('getToken')).value.accessToken, old.accessToken);

  const fresh = (await tabs[0].call('getFreshToken')).value;
  assert.notEqual(fresh.accessToken, old.accessToken);
  await eventually(
    async () => (await tabs[1].call('getToken')).value.accessToken === fresh.accessToken,
    'the fresh token in the other tab',
  );
  assert.deepEqual(await tabs[1].requests(), ['getToken'], 'the other tab makes no call for it');
});

test('with sessionStorage, the next page of the tab makes no call', async () => {
  const user = newUser();
  const tab = await open(await newDevice(), user, { cache: 'session', user });
  const { value } = await tab.call('getToken');
  await tab.reload();
  assert.deepEqual((await tab.call('getToken')).value, value);
  assert.deepEqual(await tab.requests(), []);
});

test("a guest's customer becomes that of the user who logs in, and a logout ends the identity in all tabs", async () => {
  const device = await newDevice();
  const [tab, other] = [await open(device, undefined, { guest: true }), await open(device, undefined, { guest: true })];
  const guest = (await tab.call('getToken')).value.entityId;
  assert.equal((await other.call('getToken')).value.entityId, guest);

  const user = await open(device, newUser(), { guest: true });
  assert.equal((await user.call('getToken')).value.entityId, guest);

  await user.page.evaluate(() => shop.provider.logout());
  await eventually(() => other.page.evaluate(() => shop.logouts === 1), 'the logout in the other tab');
  assert.equal((await other.call('getToken')).error.message, 'logged_out');
  const next = await open(device, undefined, { guest: true });
  assert.notEqual((await next.call('getToken')).value.entityId, guest, 'the next guest is another customer');
});

test('in an outage the request is retried, and a refusal is an error that the Customer SDK knows', async () => {
  const tab = await open(await newDevice(), newUser());
  await sandbox.fail('http_503', 2);
  assert.match((await tab.call('getToken')).value.entityId, /\S/);
  assert.deepEqual(await tab.requests(), ['getToken', 'getToken', 'getToken']);
  const stranger = await open(await newDevice(), undefined, { token: 'nobody.knows.it' });
  const { error: refused } = await stranger.call('getToken');
  assert.deepEqual([refused.code, refused.status], ['SSO_IDENTITY_EXCEPTION', 401]);
  assert.deepEqual(await stranger.page.evaluate(() => shop.unhandled), []);
});

test('the build for pages without modules works', async () => {
  const tab = await open(await newDevice(), undefined, { path: '/classic', guest: true });
  assert.match((await tab.call('getToken')).value.entityId, /\S/);
});
