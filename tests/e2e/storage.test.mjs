// web/livechat-cip.js in browsers and hosts without storage, channels between tabs, locks, crypto or a page.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import vm from 'node:vm';
import puppeteer from 'puppeteer-core';
import { startShop } from './helpers/shop.mjs';
import { within } from './helpers/within.mjs';
import { CHROMIUM_FLAGS, newUser } from './helpers/world.mjs';

const FIREFOX = process.env.FIREFOX || '/usr/bin/firefox-esr';
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const path = (to) => fileURLToPath(new URL(to, import.meta.url));
const pages = { '/embedding': { type: 'html', policy: { 'frame-src': ['http://localhost:*'] } } };
const world = await startShop(['--auth', 'jwt', '--guests'], { pages });
const { local, sandbox, shop } = world;
pages['/embedding'].text = `<!doctype html><title>Another site</title><iframe src="${shop.origin}/"></iframe>`;
/** For a browser, this is another site than the shop. */
const OTHER_SITE = shop.origin.replace('localhost', '127.0.0.1');

beforeEach(() => sandbox.reset());
after(() => world.stop());

const firefox = (cookieBehavior) => () =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    timeout: 180_000,
    extraPrefsFirefox: { 'network.cookie.cookieBehavior': cookieBehavior },
  });

/** `preferences`: the user's settings in the browser. */
const chromium = (preferences) => async () => {
  const profile = await mkdtemp(join(tmpdir(), 'livechat-cip-chromium-'));
  await mkdir(join(profile, 'Default'));
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: preferences }));
  const browser = await puppeteer.launch({ executablePath: CHROMIUM, headless: true, userDataDir: profile, args: CHROMIUM_FLAGS });
  browser.once('disconnected', () => rm(profile, { recursive: true, force: true }).catch(() => {}));
  return browser;
};
const NO_COOKIES = { default_content_setting_values: { cookies: 2 } };
const NO_THIRD_PARTY_COOKIES = { cookie_controls_mode: 1, block_third_party_cookies: true };

/** Runs in the page. Removes features that some browsers do not have. */
const bare = () => {
  for (const name of ['BroadcastChannel', 'localStorage', 'sessionStorage']) Object.defineProperty(window, name, { value: undefined });
  Object.defineProperty(navigator, 'locks', { value: undefined });
};

for (const [name, launch, where, change] of [
  ['Firefox, cookies blocked', firefox(2), 'page'],
  ['Firefox, cookies blocked, in a frame', firefox(2), 'frame'],
  ['Firefox, third-party cookies blocked, in a frame', firefox(1), 'frame'],
  ['Firefox, cookies of sites not visited blocked, in a frame', firefox(3), 'frame'],
  ['Chromium, cookies blocked', chromium(NO_COOKIES), 'page'],
  ['Chromium, cookies blocked, in a frame', chromium(NO_COOKIES), 'frame'],
  ['Chromium, third-party cookies blocked, in a frame', chromium(NO_THIRD_PARTY_COOKIES), 'frame'],
  ['a browser without storage, channels and locks', chromium({}), 'page', bare],
]) {
  test(`${name}: users and guests chat, log out, and wait in an outage`, async (t) => {
    const browser = await launch();
    try {
      const page = await browser.newPage();
      if (change) await page.evaluateOnNewDocument(change);
      await page.goto(where === 'frame' ? `${OTHER_SITE}/embedding` : shop.origin);
      const site = where === 'frame' ? await page.waitForFrame((frame) => frame.url() === `${shop.origin}/`) : page.mainFrame();
      await site.waitForFunction('globalThis.shop');
      const provide = (options, session) =>
        site.evaluate(
          (given, token) => {
            shop.session = token;
            shop.provide({ token: true, ...given });
          },
          { baseUrl: local.api, ...options },
          session,
        );
      const call = (operation) =>
        within(
          30_000,
          site.evaluate((named) => shop.call(named), operation),
          () => `a result of ${operation}`,
        );
      const logout = () =>
        within(
          30_000,
          site.evaluate(() => shop.provider.logout()),
          () => 'a result of logout',
        );
      t.diagnostic(await site.evaluate(refused));

      await provide({}, await local.session(newUser()));
      assert.match((await call('getToken')).value.entityId, /\S/);
      assert.equal(await logout(), true);

      await provide({ guest: true });
      const guest = (await call('getToken')).value.entityId;
      await provide({ guest: true });
      assert.equal((await call('getFreshToken')).value.entityId, guest, 'the same guest on the same page');
      const user = newUser();
      await provide({ guest: true, cache: 'session', user }, await local.session(user));
      assert.equal((await call('getToken')).value.entityId, guest, 'the guest becomes the user');
      assert.equal(await logout(), true);
      await provide({ guest: true });
      assert.notEqual((await call('getToken')).value.entityId, guest, 'the guest after the logout is another one');

      await sandbox.fail('http_503', 3);
      await provide({}, await local.session(newUser()));
      assert.match((await call('getToken')).value.entityId, /\S/);
      assert.deepEqual(await site.evaluate(() => shop.unhandled), []);
    } finally {
      await browser.close();
    }
  });
}

/** Runs in the page. Returns which features are refused there. */
async function refused() {
  const tries = {
    localStorage: () => localStorage.setItem('try', '1'),
    sessionStorage: () => sessionStorage.setItem('try', '1'),
    BroadcastChannel: () => new BroadcastChannel('try').close(),
    locks: () => navigator.locks.request('try', () => {}),
  };
  const all = [];
  for (const [name, work] of Object.entries(tries)) {
    try {
      await work();
    } catch {
      all.push(name);
    }
  }
  return `refused: ${all.join(', ') || 'nothing'}`;
}

// ---- without a browser

/** Runs the script in a separate context, with these globals. */
async function load(globals) {
  const context = vm.createContext({ AbortController, console, fetch, Headers, setTimeout, URL, ...globals });
  vm.runInContext(await readFile(path('../../web/livechat-cip.min.js'), 'utf8'), context);
  return context.livechatCip.createIdentityProvider;
}
const reactNative = { navigator: { product: 'ReactNative' }, URL: undefined };

test('React Native: users chat, wait in an outage, and log out', async () => {
  const create = await load(reactNative);
  await sandbox.fail('http_503', 1);
  const session = await local.session(newUser());
  const provider = create({ baseUrl: local.api, token: () => session, cache: 'page' });
  assert.match((await provider().getToken()).entityId, /\S/);
  assert.equal(await provider.logout(), true);
  await assert.rejects(provider().getToken(), { message: 'logged_out' });
});

test('React Native: without crypto, a guest gets a permanent error', async () => {
  const without = await load(reactNative);
  const refusal = await without({ baseUrl: local.api, guest: true })()
    .getToken()
    .catch((error) => error);
  assert.equal(refusal.code, 'SSO_OAUTH_EXCEPTION');
  assert.match(refusal.message, /crypto/);

  const create = await load({ ...reactNative, crypto: globalThis.crypto });
  const guest = await create({ baseUrl: local.api, guest: true })().getToken();
  const again = await create({ baseUrl: local.api, guest: true })().getToken();
  assert.equal(again.entityId, guest.entityId, 'the same guest while the app runs');
});

test('Node, which renders pages on a server: the process can end', async () => {
  const script = `
    import { createIdentityProvider } from ${JSON.stringify(path('../../web/livechat-cip.js'))};
    const provider = createIdentityProvider({ baseUrl: '/cip', token: () => 'x', guest: true });
    provider();
    await provider().hasToken();
    console.log(await provider.logout());`;
  const { stdout } = await within(
    60_000,
    promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]),
    () => 'the end of the process',
  );
  assert.equal(stdout.trim(), 'false', 'the backend could not be reached there');
});
