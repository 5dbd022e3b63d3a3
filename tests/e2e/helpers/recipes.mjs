// Builds the recipes as a site would build them, as pages for `startShop`.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { angular } from './angular.mjs';
import { bundle } from './bundle.mjs';
import { SDK_POLICY, WIDGET_POLICY } from './widget.mjs';

const path = (to) => fileURLToPath(new URL(to, import.meta.url));
const RECIPES = path('../../../web/recipes');

/** A page with LiveChat's script directly after these lines. It runs at once, as if it came from the browser's cache. */
const page = (lines) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page with LiveChat</title>
<script>const yourSessionToken = async () => (await fetch('/session')).text();</script>
${lines.startsWith('<') ? lines : `<script>${lines}</script>`}
<script>
  window.__lc = window.__lc || {};
  window.__lc.organizationId = '11111111-1111-4111-8111-111111111111';
  window.LiveChatWidget = { _q: [] };
</script>
<body><script src="https://cdn.livechatinc.com/tracking.js"></script></body></html>`;

/** A page with the unchanged lines of the README. */
async function readmePage() {
  const [lines] = (await readFile(path('../../../README.md'), 'utf8')).match(/<script src="\/livechat-cip\.min\.js">[^`]+<\/script>/);
  return page(lines);
}

/** The pages of all recipes by path, for `startShop`. They still have the example URLs and accounts; see `fillIn`. */
export async function bundleRecipes() {
  const withWidget = { ...WIDGET_POLICY, 'connect-src': ["'self'"] };
  const withoutWidget = { 'connect-src': ["'self'", ...SDK_POLICY['connect-src']] };
  const index =
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>A recipe</title><body><div id="app"></div><app-root></app-root><script src="page.js"></script></body></html>';
  const html = (name) => readFile(`${RECIPES}/${name}/index.html`, 'utf8');
  const recipes = {
    'tracking-code': [await html('tracking-code'), await bundle(`${RECIPES}/tracking-code/page.js`), withWidget],
    react: [index, await bundle(`${RECIPES}/react/main.jsx`), withWidget],
    vue: [index, await bundle(`${RECIPES}/vue/main.js`), withWidget],
    angular: [index, await bundle(`${RECIPES}/angular/main.ts`, { plugins: [angular(`${RECIPES}/angular/main.ts`)] }), withWidget],
    'customer-sdk': [await html('customer-sdk'), await bundle(`${RECIPES}/customer-sdk/page.js`), withoutWidget],
    webview: [await html('webview'), await bundle(`${RECIPES}/webview/page.js`), withWidget],
  };
  const pages = Object.fromEntries(
    Object.entries(recipes).flatMap(([name, [page, script, policy]]) => [
      [`/${name}/`, { type: 'html', text: page, policy }],
      [`/${name}/page.js`, { type: 'javascript', text: script }],
    ]),
  );
  const withInline = { ...withWidget, 'script-src': ["'unsafe-inline'", ...withWidget['script-src']] };
  return {
    ...pages,
    '/readme/': { type: 'html', text: await readmePage(), policy: withInline },
    '/bare/': { type: 'html', text: page('window.__lc = { custom_identity_provider: async () => ({}) };'), policy: withInline },
  };
}

/** Replaces the example URLs and accounts in the recipes by those of this test. */
export function fillIn(pages, { api, config }) {
  for (const page of Object.values(pages)) {
    page.text = page.text
      .replaceAll('https://cip.example.com', api)
      .replaceAll('your-client-id', config.clientId)
      .replaceAll('11111111-1111-4111-8111-111111111111', config.organizationId);
  }
}
