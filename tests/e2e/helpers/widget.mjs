// A stand-in for LiveChat's servers of the chat widget: the script on the CDN, the configuration, and the frame with the chat.
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const path = (to) => fileURLToPath(new URL(to, import.meta.url));

/** The sources in the Content-Security-Policy of a page with the widget, as in web/README.md. */
export const WIDGET_POLICY = {
  'script-src': ['https://cdn.livechatinc.com', 'https://api.livechatinc.com'],
  'frame-src': ['https://secure.livechatinc.com'],
};

/** The sources in the Content-Security-Policy of a page with the Customer SDK. */
export const SDK_POLICY = { 'connect-src': ['https://api.livechatinc.com', 'wss://api.livechatinc.com'] };

/**
 * Takes the configuration of `cargo local`. Returns a function that serves the widget's files to a browser context of Playwright, for
 * a region of LiveChat such as `fra`.
 */
export async function bundleWidget({ organizationId, clientId, licenseId }) {
  const define = { ACCOUNT: JSON.stringify({ organizationId, clientId, licenseId: licenseId ?? 100_000_001 }) };
  const [tracking, frame] = await Promise.all(['tracking', 'frame'].map((name) => bundle(path(`../widget/${name}.js`), { define })));
  const javascript = (body) => ({ body, contentType: 'text/javascript' });
  return async (device, region = '') => {
    const host = `https://secure${region ? `-${region}` : ''}.livechatinc.com`;
    await device.route('https://cdn.livechatinc.com/tracking.js', (route) => route.fulfill(javascript(tracking)));
    await device.route('https://api.livechatinc.com/*/customer/action/get_dynamic_configuration?*', (route) =>
      route.fulfill(javascript(`__lc_configuration(${JSON.stringify({ region })})`)),
    );
    await device.route(`${host}/customer/action/open_chat?*`, (route) =>
      route.fulfill({
        body: '<!doctype html><meta charset="utf-8"><title>LiveChat</title><script src="frame.js"></script>',
        contentType: 'text/html',
      }),
    );
    await device.route(`${host}/customer/action/frame.js`, (route) => route.fulfill(javascript(frame)));
  };
}
