// Pages with monitoring scripts, which add headers to every request: which headers the preflight in Chromium allows.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startShop } from './helpers/shop.mjs';
import { newUser } from './helpers/world.mjs';

/** The headers that the scripts of Sentry and OpenTelemetry add. */
const MONITORING = {
  'sentry-trace': '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1',
  baggage: 'sentry-environment=production,sentry-release=1.0.0',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=00f067aa0ba902b7',
};

const world = await startShop(['--auth', 'jwt'], { settings: { ALLOWED_HEADERS: 'x-datadog-trace-id' } });
after(() => world.stop());

/**
 * A page whose `fetch` adds these headers. It does not use `world.newDevice()`: if Playwright intercepts requests, it responds to
 * preflights itself and allows everything.
 */
async function openWith(t, headers) {
  const context = await world.browser.newContext();
  t.after(() => context.close());
  await context.addInitScript((more) => {
    const { fetch } = globalThis;
    globalThis.fetch = (address, options = {}) => {
      const all = new Headers(options.headers);
      for (const [name, value] of Object.entries(more)) all.set(name, value);
      return fetch(address, { ...options, headers: all });
    };
  }, headers);
  return world.shop.open(context);
}

test('a page with Sentry and OpenTelemetry gets a token', async (t) => {
  const tab = await openWith(t, MONITORING);
  const sent = tab.page.waitForRequest(`${world.local.api}/getToken`);
  await tab.setSession(await world.local.session(newUser()));
  await tab.provide({ token: true });
  assert.match((await tab.token()).entityId, /\S/);
  const headers = await (await sent).allHeaders();
  for (const [name, value] of Object.entries(MONITORING)) assert.equal(headers[name], value);
});

test('a header in ALLOWED_HEADERS is allowed, and other headers are not', async (t) => {
  const send = async (headers) => {
    const tab = await openWith(t, headers);
    const authorization = `Bearer ${await world.local.session(newUser())}`;
    return tab.page.evaluate(
      ([url, value]) =>
        fetch(url, { headers: { authorization: value } }).then(
          ({ status }) => status,
          (error) => error.name,
        ),
      [`${world.local.api}/getToken`, authorization],
    );
  };
  assert.equal(await send({ 'x-datadog-trace-id': '1' }), 200);
  assert.equal(await send({ 'x-somebody-else': '1' }), 'TypeError');
});
