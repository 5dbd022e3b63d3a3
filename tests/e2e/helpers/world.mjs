// Everything that a test needs: `cargo local` and headless Chromium, which cannot reach the internet.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { LiveChatSocket } from './livechat.mjs';
import { startLocal } from './local.mjs';
import { within } from './within.mjs';

/** If set, the URL of another API with the same database and sandbox, such as `sam local start-api`, in place of `cargo local`. */
const { API_URL } = process.env;
// A time-out of the tests, not of the product. `sam local` has one container for each function, which handles one call at a time.
const TIMEOUT_MS = API_URL ? 180_000 : 60_000;
// LiveChat's SDK rejects its pending requests with this when its socket closes, and does not handle all these rejections (customer-sdk 4.0.2).
const FROM_THE_SDK = 'Error: Connection lost.';
const OPERATION = /^\/(getToken|getFreshToken|hasToken|invalidate)(\/|$)/;
const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const SITE = {
  '/e2e/': file('../site/index.html'),
  '/e2e/site.js': file('../site/site.js'),
  '/e2e/customer-sdk.js': file('../node_modules/@livechat/customer-sdk/dist/customer-sdk.js'),
};

export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `options` and `settings` are those of `cargo local`. `origins`: further origins that pages may have. */
export async function startWorld(options = [], settings = {}, origins = []) {
  const local = await startLocal(options, settings);
  try {
    return new World(local, await launchChromium(), origins);
  } catch (error) {
    await local.stop();
    throw error;
  }
}

/** The id of a new user. */
export const newUser = (name = 'user') => `${name}-${randomUUID()}`;

/** Waits until both devices on the page of `cargo local` are ready. */
export async function devicesAreReady(page) {
  for (const title of ['Laptop', 'Phone']) await page.frameLocator(`iframe[title=${title}]`).locator('#who:not(:empty)').waitFor();
}

class World {
  /** All responses of `cargo local` to the browsers: `{ url, status, text }`. The text includes the headers. */
  received = [];
  #surprises = [];
  #devices = [];
  #recordings = [];

  constructor(local, browser, origins) {
    this.local = local;
    this.origins = new Set([local.api, local.sandbox.url, ...origins]);
    this.sandbox = local.sandbox;
    this.browser = browser;
    this.livechat = new LiveChatSocket(local.sandbox.url, local.config);
  }

  /**
   * A browser context with its own profile. `options`: those of Playwright, for example for a phone. `speed`: the factor by which the
   * timers and clocks of its pages run faster.
   */
  async newDevice({ speed = 1, ...options } = {}) {
    const context = await this.browser.newContext({ serviceWorkers: 'block', ...options });
    if (speed !== 1) await context.addInitScript(speedUp, speed);
    this.#devices.push(context);
    context.setDefaultTimeout(TIMEOUT_MS);
    context.on('weberror', (error) => {
      const text = String(error.error());
      if (text !== FROM_THE_SDK) this.#surprises.push(`script error: ${text}`);
    });
    context.on('request', (request) =>
      this.#recordings.push(
        this.#record(request).catch((error) => {
          // If the page has navigated away, the response is no longer available.
          if (!/navigated away/.test(error.message)) this.#surprises.push(`no complete response from ${request.url()}: ${error}`);
        }),
      ),
    );
    await context.route('**/*', async (route) => {
      const url = new URL(route.request().url());
      if (url.origin === this.local.api && SITE[url.pathname]) return route.fulfill({ path: SITE[url.pathname] });
      if (API_URL && url.origin === this.local.api && OPERATION.test(url.pathname)) {
        const response = await route.fetch({ url: API_URL + url.pathname + url.search }).catch(() => undefined);
        return response ? route.fulfill({ response }) : route.abort();
      }
      if (this.origins.has(url.origin)) return route.continue();
      this.#surprises.push(`request to ${url.href}`);
      return route.abort();
    });
    await context.routeWebSocket(/.*/, (socket) => {
      this.#surprises.push(`socket to ${socket.url()}`);
      return socket.close();
    });
    return context;
  }

  /** Opens the site for `user` in a new tab. */
  async visit(device, user) {
    const page = await device.newPage();
    const logins = [];
    await this.livechat.route(page, logins);
    await page.goto(`${this.local.api}/e2e/?user=${encodeURIComponent(user)}`);
    return new Visit(page, logins, this.local.config);
  }

  /** Closes all devices after the responses to all their calls are recorded. */
  async closeDevices() {
    try {
      while (this.#recordings.length > 0) {
        await within(TIMEOUT_MS, Promise.all(this.#recordings.splice(0)), () => 'a response to every request');
      }
    } finally {
      // Requests that a page sends from now on, for example by a timer, are not recorded.
      for (const context of this.#devices) context.removeAllListeners('request');
      await Promise.all(
        this.#devices.splice(0).map(async (context) => {
          this.received.push({ url: 'the cookie jar', status: 200, text: JSON.stringify(await context.cookies()) });
          await context.close();
        }),
      );
    }
  }

  /** Returns the unexpected requests, errors and frames since the last call. */
  takeSurprises() {
    return [...this.#surprises.splice(0), ...this.livechat.surprises.splice(0)];
  }

  async stop() {
    await this.browser.close();
    await this.local.stop();
  }

  async #record(request) {
    // A stream of events never finishes.
    if (request.resourceType() === 'eventsource') return;
    const url = new URL(request.url());
    if (![this.local.api, this.sandbox.url].includes(url.origin) || SITE[url.pathname]) return;
    const response = await request.response();
    if (response === null) return;
    await response.finished();
    if (request.failure()?.errorText === 'net::ERR_ABORTED') return;
    const headers = (await response.headersArray()).map(({ name, value }) => `${name}: ${value}`);
    this.received.push({ url: url.href, status: response.status(), text: `${headers.join('\n')}\n\n${await response.text()}` });
  }
}

/** One page load of the site. */
class Visit {
  constructor(page, logins, config) {
    this.page = page;
    /** The logins at LiveChat: `{ accessToken, customerId }`. `customerId` is null for a refused login. */
    this.logins = logins;
    this.config = config;
  }

  /** Starts the SDK. Resolves with the customer's id. */
  login() {
    const login = this.page.evaluate((config) => site.login(config), this.config);
    return within(TIMEOUT_MS, login, async () => `a login; calls ${await this.operations()}; logins ${JSON.stringify(this.logins)}`);
  }

  /** The calls of the identity provider's functions: `{ operation, status, cacheStatus, contentType, result, respondedAt }`. */
  calls() {
    return this.page.evaluate(() => site.calls);
  }

  /** The names of the functions called, in order. */
  async operations() {
    return (await this.calls()).map(({ operation }) => operation);
  }

  /** Waits until the page has got this number of responses to `operation`, also failed ones. */
  async responded(operation, times = 1) {
    await this.page.waitForFunction(
      ([name, n]) => site.calls.filter((call) => call.operation === name && 'status' in call).length >= n,
      [operation, times],
    );
  }

  /** Calls one function of the identity provider. */
  call(operation) {
    return within(
      TIMEOUT_MS,
      this.page.evaluate((name) => site.call(name), operation),
      () => `a result of ${operation}`,
    );
  }
}

/** Runs in the page, before its scripts. */
function speedUp(speed) {
  const [now, startMs] = [Date.now.bind(Date), Date.now()];
  Date.now = () => startMs + (now() - startMs) * speed;
  for (const name of ['setTimeout', 'setInterval']) {
    const real = globalThis[name];
    globalThis[name] = (work, ms, ...more) => real(work, ms / speed, ...more);
  }
}

function launchChromium() {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  if (!existsSync(executablePath)) throw new Error(`${executablePath} does not exist: install Chromium, or set CHROMIUM to it`);
  return chromium.launch({
    executablePath,
    args: CHROMIUM_FLAGS,
  });
}
