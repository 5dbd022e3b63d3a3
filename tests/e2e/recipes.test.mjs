// web/recipes: each way to put LiveChat on a page, built as a site would build it, in a browser. LiveChat's script is a stand-in with the
// real Customer SDK. In place of a chat, the page shows the id of its customer.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { bundleRecipes, fillIn } from './helpers/recipes.mjs';
import { startShop } from './helpers/shop.mjs';
import { eventually, within } from './helpers/within.mjs';
import { newUser } from './helpers/world.mjs';

const pages = await bundleRecipes();
const world = await startShop(['--auth', 'jwt', '--guests'], { pages });
const { local, sandbox, shop } = world;
fillIn(pages, local);

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, script errors, or unexpected frames');
});
after(() => world.stop());

const PHONE = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
  userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
};
/** The actions of a visitor. In an app, the app calls the page instead. */
const buttons = {
  logIn: ({ page }) => page.getByRole('button', { name: 'Log in' }).click(),
  switchUser: ({ page }) => page.getByRole('button', { name: 'Switch user' }).click(),
  logOut: ({ page }) => page.getByRole('button', { name: 'Log out' }).click(),
};
const bridge = {
  async logIn({ page }, visitor) {
    visitor.user = visitor.nextUser;
    await page.evaluate(() => chat.sessionChanged());
  },
  async switchUser(tab, visitor) {
    await tab.page.evaluate(() => chat.logOut());
    await bridge.logIn(tab, visitor);
  },
  async logOut({ page }, visitor) {
    await page.evaluate(() => chat.logOut());
    visitor.user = undefined;
    await page.evaluate(() => chat.sessionChanged());
  },
};

/** A browser, and the site's session in it. */
class Visitor {
  /** The user who is logged in. */
  user;
  /** The user of the next login. */
  nextUser;

  static async arrive(name, user) {
    const visitor = new Visitor();
    Object.assign(visitor, { name, user, does: name === 'webview' ? bridge : buttons });
    const device = await world.newDevice(name === 'webview' ? PHONE : {});
    visitor.device = device;
    const change = (to) => async (route) => {
      visitor.user = to();
      await route.fulfill({ body: '' });
    };
    await device.route(`${shop.origin}/session`, async (route) => route.fulfill({ body: await visitor.session() }));
    await device.route(
      `${shop.origin}/login`,
      change(() => visitor.nextUser),
    );
    await device.route(
      `${shop.origin}/logout`,
      change(() => undefined),
    );
    if (name === 'webview') {
      await device.exposeFunction('nativeBridge', () => visitor.session());
      await device.addInitScript(() => {
        window.webkit = { messageHandlers: { session: { postMessage: () => window.nativeBridge() } } };
      });
    }
    await device.addInitScript(() => {
      window.violations = [];
      addEventListener('securitypolicyviolation', ({ blockedURI, violatedDirective }) =>
        violations.push(`${violatedDirective} ${blockedURI}`),
      );
      // The customers whose chats were on the page, in order; null for no chat.
      window.shown = [];
      new MutationObserver(() => {
        const customer = document.querySelector('#livechat, #chat')?.textContent || null;
        if (customer !== (shown.at(-1) ?? null)) shown.push(customer);
      }).observe(document, { childList: true, characterData: true, subtree: true });
    });
    return visitor;
  }

  /** The session token of the user, as the shop's login would issue it. */
  async session() {
    return this.user ? local.session(this.user) : '';
  }

  open() {
    return shop.open(this.device, `/${this.name}/`);
  }

  /** Waits for a chat, and resolves with its customer. `changes`: the least number of changes of the chat until then. */
  async chat(tab, changes = 1) {
    const handle = await tab.page
      .waitForFunction((n) => shown.length >= n && shown.at(-1), changes)
      .catch(async (error) => {
        throw new Error(
          `no chat: ${JSON.stringify(await tab.page.evaluate(() => ({ shown, violations })))} ${tab.requests} ${tab.console}`,
          { cause: error },
        );
      });
    return handle.jsonValue();
  }
}

const shown = ({ page }) => page.evaluate(() => window.shown);
const assertClean = async (tab) => assert.deepEqual([await tab.page.evaluate(() => violations), tab.console], [[], []]);
/** Marks the page, to detect a page load. */
const mark = ({ page }) =>
  page.evaluate(() => {
    window.isSamePage = true;
  });
const isMarked = ({ page }) => page.evaluate(() => window.isSamePage === true);

for (const name of ['tracking-code', 'react', 'vue', 'angular', 'customer-sdk', 'webview']) {
  test(`${name}: a guest's chat continues after the login, here and on another device, and ends at the logout`, async (t) => {
    const visitor = await Visitor.arrive(name);
    const tab = await visitor.open();
    const guest = await visitor.chat(tab);
    assert.deepEqual(tab.requests, ['getToken']);
    await mark(tab);

    visitor.nextUser = newUser();
    await visitor.does.logIn(tab, visitor);
    assert.equal(await visitor.chat(tab, 3), guest);
    assert.deepEqual(tab.requests, ['getToken', 'getToken']);

    const elsewhere = await Visitor.arrive(name, visitor.user);
    const other = await elsewhere.open();
    assert.equal(await elsewhere.chat(other), guest);
    assert.deepEqual(other.requests, ['getToken']);
    t.diagnostic(`calls of a page load: ${other.requests.length}`);

    await visitor.does.logOut(tab, visitor);
    const next = await visitor.chat(tab, 5);
    assert.notEqual(next, guest);
    assert.deepEqual(await shown(tab), [guest, null, guest, null, next]);
    assert.deepEqual(tab.requests, ['getToken', 'getToken', 'invalidate', 'getToken']);
    assert.ok(await isMarked(tab), 'the page was loaded again');
    await assertClean(tab);
  });

  test(`${name}: after a change of the user without a page load, the chat is the next user's`, async () => {
    const visitor = await Visitor.arrive(name, newUser('ann'));
    const tab = await visitor.open();
    const ann = await visitor.chat(tab);
    await mark(tab);

    visitor.nextUser = newUser('ben');
    await visitor.does.switchUser(tab, visitor);
    const ben = await visitor.chat(tab, 3);
    assert.notEqual(ben, ann);
    await tab.page.waitForTimeout(500);
    assert.deepEqual(await shown(tab), [ann, null, ben]);
    assert.deepEqual(tab.requests, ['getToken', 'invalidate', 'getToken']);
    assert.deepEqual(
      tab.logins.map(({ customerId }) => customerId),
      [ann, ben],
    );
    assert.ok(await isMarked(tab), 'the page was loaded again');
    await assertClean(tab);

    const elsewhere = await Visitor.arrive(name, visitor.user);
    assert.equal(await elsewhere.chat(await elsewhere.open()), ben);
  });

  test(`${name}: a logout removes the chat from the other tab, and a login there shows the next user's chat`, async () => {
    const visitor = await Visitor.arrive(name, newUser('ann'));
    const [one, two] = [await visitor.open(), await visitor.open()];
    const ann = await visitor.chat(one);
    assert.equal(await visitor.chat(two), ann);

    await visitor.does.logOut(one, visitor);
    await two.page.waitForFunction(() => shown.at(-1) === null);
    assert.notEqual(await visitor.chat(one, 3), ann);

    visitor.nextUser = newUser('ben');
    await visitor.does.logIn(two, visitor);
    const ben = await two.page
      .waitForFunction((before) => shown.at(-1) !== before && shown.at(-1), ann)
      .then((handle) => handle.jsonValue());
    const elsewhere = await Visitor.arrive(name, visitor.user);
    assert.equal(await elsewhere.chat(await elsewhere.open()), ben);
    await assertClean(two);
  });

  if (name === 'customer-sdk') continue;
  test(`${name}: a login while the guest's widget starts takes effect (guards against: LiveChat's script keeps the first identity)`, async () => {
    const visitor = await Visitor.arrive(name);
    let release;
    const released = new Promise((resolve) => {
      release = resolve;
    });
    const held = new Promise((resolve) => {
      visitor.device.route(
        `${local.api}/getToken`,
        async (route) => {
          resolve();
          await released;
          // The page that sent it may no longer exist.
          await route.fallback().catch(() => {});
        },
        { times: 1 },
      );
    });
    const tab = await visitor.open();
    await mark(tab);
    await within(30_000, held, () => 'a call of getToken');
    visitor.nextUser = newUser();
    await visitor.does.logIn(tab, visitor);
    // After the login, the page is loaded again. The request of the former page gets no response.
    await tab.page.waitForFunction(() => !window.isSamePage);
    release();
    const customer = await visitor.chat(tab);
    const elsewhere = await Visitor.arrive(name, visitor.user);
    assert.equal(await elsewhere.chat(await elsewhere.open()), customer);
    await tab.page.waitForTimeout(300);
    assert.deepEqual(await shown(tab), [customer]);
  });
}

test("the README's lines run before LiveChat's script (guards against: it starts without an identity provider)", async () => {
  const user = newUser();
  const visitor = await Visitor.arrive('readme', user);
  const tab = await visitor.open();
  const customer = await visitor.chat(tab);
  assert.deepEqual(tab.requests, ['getToken']);
  await assertClean(tab);

  const elsewhere = await Visitor.arrive('tracking-code', user);
  assert.equal(await elsewhere.chat(await elsewhere.open()), customer);
});

/** Serves another script in place of ours. */
const serveScript = (visitor, handler) => visitor.device.route(`${shop.origin}/livechat-cip.min.js`, handler);
const withScript = (body) => (route) => route.fulfill({ body, contentType: 'text/javascript' });
const FOUR = '{ getToken: async () => 1, getFreshToken: async () => 1, hasToken: async () => true, invalidate: async () => {} }';

for (const [what, handler] of [
  ['is blocked', (route) => route.abort()],
  ['has a syntax error', withScript('var livechatCip = {')],
  ['throws', withScript('throw new Error("broken")')],
  ['refuses its options', withScript('var livechatCip = { createIdentityProvider() { throw new Error("broken"); } }')],
  [
    'returns a function that throws',
    withScript('var livechatCip = { createIdentityProvider: () => () => { throw new Error("broken"); } }'),
  ],
  ['returns an async function', withScript(`var livechatCip = { createIdentityProvider: () => async () => (${FOUR}) }`)],
  [
    'returns three functions',
    withScript('var livechatCip = { createIdentityProvider: () => () => ({ getToken() {}, getFreshToken() {}, hasToken() {} }) }'),
  ],
  ['returns nothing', withScript('var livechatCip = { createIdentityProvider: () => () => undefined }')],
]) {
  test(`the README's lines, if our script ${what}: no chat, and one line in the console (guards against: a chat as another customer)`, async () => {
    const visitor = await Visitor.arrive('readme', newUser());
    await serveScript(visitor, handler);
    const tab = await visitor.open();
    const lines = () => tab.console.filter((line) => line.startsWith('No LiveChat on this page'));
    await eventually(
      () => lines().length > 0,
      () => `a line: ${tab.console}`,
    );
    await tab.page.waitForTimeout(700);
    assert.equal(lines().length, 1);
    assert.deepEqual([await shown(tab), tab.logins, tab.requests], [[], [], []]);
    assert.equal(await tab.page.evaluate(() => identityProvider.logout?.() ?? false), false);
    // The browser itself reports a broken script.
    assert.deepEqual(
      world.takeSurprises().filter((surprise) => !/broken|Unexpected end of input/.test(surprise)),
      [],
    );
  });
}

test('without these lines, LiveChat starts a chat with its own anonymous customer', async () => {
  const visitor = await Visitor.arrive('bare');
  const tab = await visitor.open();
  assert.equal(await visitor.chat(tab), 'anonymous');
  assert.equal(tab.console.length, 1);
});

test('webview: on Android, the app returns the session synchronously', async () => {
  const visitor = await Visitor.arrive('webview', newUser());
  const session = await visitor.session();
  await visitor.device.addInitScript((token) => {
    delete window.webkit;
    window.nativeApp = { session: () => token };
  }, session);
  const elsewhere = await Visitor.arrive('webview', visitor.user);
  assert.equal(await visitor.chat(await visitor.open()), await elsewhere.chat(await elsewhere.open()));
});
