// A page of one's own against `cargo local`, as docs/own-page.md describes it: on another origin, under a Content-Security-Policy, with the chat
// panel in place of LiveChat's widget.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { bundle } from './helpers/bundle.mjs';
import { startShop } from './helpers/shop.mjs';
import { eventually } from './helpers/within.mjs';
import { devicesAreReady, newUser } from './helpers/world.mjs';

const API = 'http://127.0.0.1:3000';
const file = (path) => new URL(`../../${path}`, import.meta.url);
const docs = await readFile(file('docs/own-page.md'), 'utf8');
const [, documentedPage] = docs.match(/<!-- page -->\n```html\n([^`]+)```/);
const recipe = 'web/recipes/tracking-code';
const TRACKING = "script.src = 'https://cdn.livechatinc.com/tracking.js'";
const [panelLine] = docs.match(/script\.src = '[^']+'/);

/** A page whose provider LiveChat's widget would not accept. */
const withProvider = (lines) => `<!doctype html><html lang="en"><title>A page</title><script>${lines}</script>
<script src="${API}/chat-panel.js"></script></html>`;
const html = (text, isInline = true) => ({ type: 'html', text, isInline });
const pages = {
  '/own/': html(documentedPage),
  '/none/': html(withProvider('')),
  '/async/': html(withProvider('window.__lc = { custom_identity_provider: async () => ({}) };')),
  '/throws/': html(withProvider("window.__lc = { custom_identity_provider: () => { throw new Error('no session'); } };")),
  '/no-token/': html(
    withProvider(
      `const f = async () => 'x'; window.__lc = { custom_identity_provider: () => ({ getToken: f, getFreshToken: f, hasToken: f, invalidate: f }) };`,
    ),
  ),
  '/tracking-code/': html(await readFile(file(`${recipe}/index.html`), 'utf8'), false),
  '/tracking-code/page.js': {
    type: 'javascript',
    text: (await bundle(fileURLToPath(file(`${recipe}/page.js`)))).replace(
      '"https://cdn.livechatinc.com/tracking.js"',
      `"${API}/chat-panel.js"`,
    ),
  },
};

let world;
const start = (options) => async () => {
  const served = structuredClone(pages);
  world = await startShop(options, { pages: served });
  const { api } = world.local;
  for (const page of Object.values(served)) {
    page.text = page.text.replaceAll(API, api).replaceAll('https://cip.example.com', api);
    // As the docs say; and for the page's own inline lines.
    page.policy = { 'script-src': [api, ...(page.isInline ? ["'unsafe-inline'"] : [])], 'frame-src': [api], 'connect-src': ["'self'"] };
  }
};
beforeEach(() => world.sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or script errors');
});

/** The chat panel on a page. */
function panelOf({ page }) {
  const root = page.frameLocator('iframe[title=Chat]');
  return {
    root,
    async write(text) {
      await root.getByLabel('Message', { exact: true }).fill(text);
      await root.getByRole('button', { name: 'Send' }).click();
      await this.shows(text);
    },
    shows: (text) => root.getByText(text).waitFor(),
    messages: () => root.locator('li p').allInnerTexts(),
    customer: () => root.getByRole('heading', { name: /^Customer [\w-]{8}$/ }).innerText(),
    isGone: () => page.locator('iframe[title=Chat]').waitFor({ state: 'detached' }),
  };
}

describe('without verification', () => {
  before(start([]));
  after(() => world.stop());

  test('the page in docs/own-page.md and the demo page show the same chat', async () => {
    const device = await world.newDevice();
    const tab = await world.shop.open(device, '/own/');
    const panel = panelOf(tab);
    await panel.write('Hello from my shop');
    assert.deepEqual(tab.requests.filter((path) => path === 'getToken').length, 1);

    const demo = await device.newPage();
    await demo.goto(world.local.api);
    await devicesAreReady(demo);
    const phone = demo.frameLocator('iframe[title=Phone]');
    await phone.getByLabel('User name').fill('alice');
    await phone.getByRole('button', { name: 'Log in' }).click();
    await phone.getByRole('log').getByText('Hello from my shop', { exact: true }).waitFor();
    await phone.getByLabel('Message', { exact: true }).fill('Hello from the phone');
    await phone.getByRole('button', { name: 'Send' }).click();
    await panel.shows('Hello from the phone');
    assert.equal((await world.sandbox.state()).customers, 1);

    // As the docs say for the browser's console.
    const { entityId } = await tab.page.evaluate('identityProvider().getToken()');
    assert.equal(await panel.customer(), `Customer ${entityId.slice(0, 8)}`);
    assert.deepEqual(tab.console, []);
  });

  test('the panel can be minimised, by its button and by the page', async () => {
    const tab = await world.shop.open(await world.newDevice(), '/own/');
    const panel = panelOf(tab);
    const height = async () => (await tab.page.locator('iframe[title=Chat]').boundingBox()).height;
    await panel.write('Hello');
    const full = await height();
    await panel.root.getByRole('button', { name: 'Minimise' }).click();
    await panel.root.getByRole('button', { name: 'Open' }).waitFor();
    assert.ok((await height()) < full / 4);
    await tab.page.evaluate(() => LiveChatWidget.call('maximize'));
    await panel.root.getByRole('button', { name: 'Minimise' }).waitFor();
    assert.equal(await height(), full);
  });

  test('a page whose origin is not allowed shows no chat, and the console says why', async () => {
    // Not a device: the browser discards the response for the frame, so it cannot be recorded.
    const tab = await world.shop.open(await world.browser.newContext(), '/none/');
    const other = world.shop.origin.replace('localhost', '127.0.0.1');
    await tab.page.goto(`${other}/own/`);
    await eventually(
      () => tab.console.some((line) => line.includes(`is ${other} in its ALLOWED_ORIGINS`)),
      () => `the reason in ${tab.console}`,
    );
    await panelOf(tab).isGone();
    assert.equal((await world.sandbox.state()).customers, 0);
    await tab.page.context().close();
  });

  test('if LiveChat would show an anonymous chat or none, the panel says so', async () => {
    for (const [path, text] of [
      ['/none/', 'was not set when this script started. LiveChat would show an anonymous chat here.'],
      ['/async/', 'did not return the four functions at once. LiveChat would show an anonymous chat here.'],
      ['/throws/', 'custom_identity_provider failed: no session'],
      ['/no-token/', 'getToken returned "x", which is not a token.'],
    ]) {
      const tab = await world.shop.open(await world.newDevice(), path);
      await panelOf(tab).shows(text);
    }
    assert.equal((await world.sandbox.state()).customers, 0);
  });
});

describe('with verified callers and guests', () => {
  before(start(['--auth', 'jwt', '--guests']));
  after(() => world.stop());

  test('the recipe for the tracking code works with the panel: a guest, a login, a logout', async () => {
    assert.ok((await readFile(file(`${recipe}/page.js`), 'utf8')).includes(TRACKING), 'the line that the docs change');
    assert.equal(panelLine, TRACKING.replace('https://cdn.livechatinc.com/tracking.js', `${API}/chat-panel.js`));
    const device = await world.newDevice();
    const user = newUser();
    let session = '';
    const change = (to) => async (route) => {
      session = await to();
      await route.fulfill({ body: '' });
    };
    const at = (path) => world.shop.origin + path;
    await device.route(at('/session'), (route) => route.fulfill({ body: session }));
    await device.route(
      at('/login'),
      change(() => world.local.session(user)),
    );
    await device.route(
      at('/logout'),
      change(() => ''),
    );

    const tab = await world.shop.open(device, '/tracking-code/');
    const panel = panelOf(tab);
    await panel.write('I am a guest');
    const guest = await panel.customer();
    await tab.page.getByRole('button', { name: 'Log in' }).click();
    await panel.write('I am logged in');
    assert.deepEqual(await panel.messages(), ['I am a guest', 'I am logged in']);
    assert.equal(await panel.customer(), guest);

    await tab.page.getByRole('button', { name: 'Log out' }).click();
    await panel.shows('No messages yet.');
    assert.notEqual(await panel.customer(), guest);
    assert.equal(await tab.page.locator('iframe[title=Chat]').count(), 1);
    assert.deepEqual(tab.console, []);
  });

  test('a server signs tokens with the printed secret', async () => {
    const [, secret] = world.local.output().match(/^Secret\s+(\w+)/m);
    const [, lines] = (await readFile(file('docs/authentication.md'), 'utf8')).match(/\nNode\.js\n\n```js\n([^`]*(?:`[^`]+`[^`]*)*)```/);
    const { stdout } = spawnSync('node', ['--input-type=module', '--eval', `${lines}\nconsole.log(livechatToken('anna'))`], {
      env: { PATH: process.env.PATH, JWT_SECRET: secret },
      encoding: 'utf8',
    });
    const { status } = await fetch(`${world.local.api}/getToken/anna`, { headers: { Authorization: `Bearer ${stdout.trim()}` } });
    assert.equal(status, 200);
  });
});
