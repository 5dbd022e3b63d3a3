// A site with LiveChat, on its own origin: pages under a strict Content-Security-Policy, which call `cargo local` on another origin, as they
// would call API Gateway.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { bundleWidget, SDK_POLICY, WIDGET_POLICY } from './widget.mjs';
import { startWorld } from './world.mjs';

const file = (path) => new URL(path, import.meta.url);
/** The same policy, for an account that LiveChat keeps in the EU. */
const inTheEu = (policy) =>
  Object.fromEntries(
    Object.entries(policy).map(([directive, sources]) => [
      directive,
      sources.flatMap((source) => (/cdn/.test(source) ? source : [source, source.replace('.livechatinc', '-fra.livechatinc')])),
    ]),
  );
const POLICIES = { '/': SDK_POLICY, '/widget': WIDGET_POLICY, '/eu': inTheEu(SDK_POLICY), '/eu/widget': inTheEu(WIDGET_POLICY) };
const FILES = {
  '/': file('../shop/index.html'),
  '/widget': file('../shop/index.html'),
  '/eu': file('../shop/index.html'),
  '/eu/widget': file('../shop/index.html'),
  '/classic': file('../shop/classic.html'),
  '/classic.js': file('../shop/classic.js'),
  '/shop.js': file('../shop/shop.js'),
  '/livechat-cip.js': file('../../../web/livechat-cip.js'),
  '/livechat-cip.min.js': file('../../../web/livechat-cip.min.js'),
  '/customer-sdk.js': file('../node_modules/@livechat/customer-sdk/dist/customer-sdk.js'),
};

/**
 * Starts `cargo local` with these options, browsers, and a shop at `world.shop.origin`, whose pages may call `cargo local`.
 *
 * `pages`: further pages by path, each `{ text, type, policy }`. The type is `html` or `javascript`; `policy` has additional sources for
 * the page's Content-Security-Policy, by directive. `settings`: further settings of the functions.
 */
export async function startShop(options = [], { pages = {}, settings = {} } = {}) {
  const server = createServer((request, response) => serve(pages, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // For a browser, this is another origin than that of `cargo local`, which is on 127.0.0.1.
  const origin = `http://localhost:${server.address().port}`;
  let world;
  try {
    world = await startWorld(options, { ALLOWED_ORIGINS: origin, ...settings }, [origin]);
  } catch (error) {
    server.close();
    throw error;
  }
  policy = {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'connect-src': [world.local.api],
  };
  const serveWidget = await bundleWidget(world.local.config);
  const stop = world.stop.bind(world);
  world.stop = async () => {
    server.closeAllConnections();
    server.close();
    await stop();
  };
  const newDevice = world.newDevice.bind(world);
  world.newDevice = async ({ region, ...given } = {}) => {
    const device = await newDevice(given);
    await serveWidget(device, region);
    return device;
  };
  world.shop = { origin, open: (device, path = '/') => openShop(world, device, origin + path) };
  return world;
}

let policy;

const header = (more = {}) =>
  [...new Set([...Object.keys(policy), ...Object.keys(more)])]
    .map((directive) => [directive, ...(policy[directive] ?? []), ...(more[directive] ?? [])].join(' '))
    .join('; ');

async function serve(pages, request, response) {
  const file = FILES[request.url];
  const found = pages[request.url] ?? (file && { type: file.pathname.endsWith('.html') ? 'html' : 'javascript' });
  if (!found) {
    response.writeHead(request.url === '/favicon.ico' ? 204 : 404).end();
    return;
  }
  response.writeHead(200, {
    'Content-Type': `text/${found.type}; charset=utf-8`,
    'Content-Security-Policy': header(found.policy ?? POLICIES[request.url]),
    'Cache-Control': 'no-store',
  });
  response.end(found.text ?? (await readFile(file)));
}

/** Opens a page of the shop in a new tab of `device`. */
async function openShop(world, device, url) {
  const page = await device.newPage();
  const tab = new Tab(page, world);
  await world.livechat.route(page, tab.logins);
  await page.goto(url);
  return tab;
}

class Tab {
  /** The operations of our API that were called, in order. */
  requests = [];
  /** The logins that LiveChat saw, as in `Visit`. */
  logins = [];
  /** The warnings and errors in the console. */
  console = [];

  constructor(page, { local }) {
    this.page = page;
    this.local = local;
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin === local.api) this.requests.push(url.pathname.split('/')[1]);
    });
    page.on('console', (message) => {
      if (['warning', 'error'].includes(message.type())) this.console.push(message.text());
    });
  }

  /** Creates the identity provider. `token: true` stands for a function that returns the session's token; see `setSession`. */
  provide(options) {
    return this.page.evaluate((given) => shop.provide(given), { baseUrl: this.local.api, ...options });
  }

  /** Sets the session's token; undefined while nobody is logged in. */
  setSession(token) {
    return this.page.evaluate((value) => {
      shop.session = value;
    }, token);
  }

  /** Calls one of the four functions: `{ value }`, or `{ error: { code, message, detail, status, requestId } }`. */
  call(operation) {
    return this.page.evaluate((name) => shop.call(name), operation);
  }

  /** Calls a function that must return a token. */
  async token(operation = 'getToken') {
    const { value, error } = await this.call(operation);
    if (error) throw new Error(`${operation}: ${JSON.stringify(error)}`);
    return value;
  }

  /** Calls a function that must reject, and resolves with its error. */
  async error(operation = 'getToken') {
    const { value, error } = await this.call(operation);
    if (!error) throw new Error(`${operation} returned ${JSON.stringify(value)}`);
    return error;
  }

  logout() {
    return this.page.evaluate(() => shop.provider.logout());
  }

  /** Starts LiveChat's SDK. Resolves with the customer's id when it is connected, or with `{ reason }` when it has stopped. */
  connect(options = {}) {
    return this.page.evaluate((config) => shop.connect(config), { ...this.local.config, ...options });
  }

  /** Starts LiveChat's widget. */
  embed() {
    return this.page.evaluate((config) => shop.embed(config), this.local.config);
  }

  /** The id of the customer whose chat the widget shows. Waits for the chat. */
  async chat() {
    const handle = await this.page.waitForFunction(() => document.querySelector('#livechat')?.textContent);
    return handle.jsonValue();
  }

  /** The events of the SDK or widget so far. */
  events() {
    return this.page.evaluate(() => shop.events);
  }

  reload() {
    this.requests.length = this.logins.length = this.console.length = 0;
    return this.page.reload();
  }
}

/** An error response of our API. */
export const problem = (status, code, more = {}) => ({
  status,
  contentType: 'application/problem+json',
  body: JSON.stringify({ title: 't', status, code, detail: `what to do about ${code}`, requestId: 'r-1', ...more }),
});
