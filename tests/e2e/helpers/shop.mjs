// A site with LiveChat, on an origin of its own: pages under a strict Content-Security-Policy, which call `cargo local` across
// origins, as they would API Gateway.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { startWorld } from './world.mjs';

const file = (path) => new URL(path, import.meta.url);
const FILES = {
  '/': file('../shop/index.html'),
  '/classic': file('../shop/classic.html'),
  '/classic.js': file('../shop/classic.js'),
  '/shop.js': file('../shop/shop.js'),
  '/livechat-cip.js': file('../../../web/livechat-cip.js'),
  '/livechat-cip.min.js': file('../../../web/livechat-cip.min.js'),
  '/customer-sdk.js': file('../node_modules/@livechat/customer-sdk/dist/customer-sdk.js'),
};

/**
 * `cargo local` with these options, browsers, and a shop at `world.shop.origin`, whose pages may call it.
 *
 * `pages`: more of them by path, each `{ text, type, policy }`, the type `html` or `javascript`; `policy` is what the page's
 * Content-Security-Policy has beside the usual, by directive.
 */
export async function startShop(options = [], { pages = {} } = {}) {
  const server = createServer((request, response) => serve(pages, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // To a browser, another origin than cargo local's 127.0.0.1.
  const origin = `http://localhost:${server.address().port}`;
  let world;
  try {
    world = await startWorld(options, { ALLOWED_ORIGINS: origin }, [origin]);
  } catch (error) {
    server.close();
    throw error;
  }
  policy = {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'connect-src': [world.local.api, 'https://api.livechatinc.com', 'wss://api.livechatinc.com'],
  };
  const stop = world.stop.bind(world);
  world.stop = async () => {
    server.closeAllConnections();
    server.close();
    await stop();
  };
  world.shop = { origin, open: (device, path = '/') => openShop(world, device, origin + path) };
  return world;
}

let policy;

const header = (more = {}) =>
  Object.entries(policy)
    .map(([directive, sources]) => [directive, ...sources, ...(more[directive] ?? [])].join(' '))
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
    'Content-Security-Policy': header(found.policy),
    'Cache-Control': 'no-store',
  });
  response.end(found.text ?? (await readFile(file)));
}

/** Opens a page of the shop in a new tab of `device`. */
async function openShop(world, device, url) {
  const page = await device.newPage();
  const tab = new Tab(page, world);
  await page.routeWebSocket(
    (to) => to.href === world.livechat.url,
    (socket) => world.livechat.serve(socket, tab.logins),
  );
  await page.goto(url);
  return tab;
}

class Tab {
  /** The operations that were asked of our API, in order. */
  requests = [];
  /** The logins that LiveChat saw, as in `Visit`. */
  logins = [];
  /** What the console said, of warnings and errors. */
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

  /** Makes the identity provider. `token: true` is a function that gives what `logIn` set. */
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

  /** The token, after seeing that there was one. */
  async token(operation = 'getToken') {
    const { value, error } = await this.call(operation);
    if (error) throw new Error(`${operation}: ${JSON.stringify(error)}`);
    return value;
  }

  /** The error, after seeing that there was one. */
  async error(operation = 'getToken') {
    const { value, error } = await this.call(operation);
    if (!error) throw new Error(`${operation} gave ${JSON.stringify(value)}`);
    return error;
  }

  logout() {
    return this.page.evaluate(() => shop.provider.logout());
  }

  /** Starts LiveChat's SDK; resolves with the customer's id once it is connected, or with what it gave up for: `{ reason }`. */
  connect() {
    return this.page.evaluate((config) => shop.connect(config), this.local.config);
  }

  /** What the SDK has said since, by name. */
  events() {
    return this.page.evaluate(() => shop.events);
  }

  reload() {
    this.requests.length = this.logins.length = this.console.length = 0;
    return this.page.reload();
  }
}
