// LiveChat's side of its chat widget: the script of its CDN, its configuration, and the frame with the chat.
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const path = (to) => fileURLToPath(new URL(to, import.meta.url));

/** What a page may load for the widget, and connect to in its frame: by Content-Security-Policy, as web/README.md has it. */
export const WIDGET_POLICY = {
  'script-src': ['https://cdn.livechatinc.com', 'https://api.livechatinc.com'],
  'frame-src': ['https://secure.livechatinc.com'],
};

/** What a page with the Customer SDK connects to. */
export const SDK_POLICY = { 'connect-src': ['https://api.livechatinc.com', 'wss://api.livechatinc.com'] };

/** `config`: that of `cargo local`. Returns what makes LiveChat answer a browser (Playwright's context); `region`: such as `fra`. */
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
