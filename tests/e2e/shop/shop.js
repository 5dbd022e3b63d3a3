// What a site's page does with the script, and a record for the tests.
import { createIdentityProvider } from '/livechat-cip.js';

globalThis.shop = { session: undefined, logouts: 0, events: [], violations: [], provide, call, connect };

addEventListener('securitypolicyviolation', ({ blockedURI, violatedDirective }) => {
  shop.violations.push(`${violatedDirective} ${blockedURI}`);
});

function provide({ token, ...options }) {
  shop.provider = createIdentityProvider({
    ...options,
    ...(token === true ? { token: async () => shop.session } : token !== undefined && { token }),
    onLogout() {
      shop.logouts += 1;
      shop.sdk?.destroy();
    },
  });
}

async function call(operation) {
  try {
    return { value: await shop.provider()[operation]() };
  } catch ({ code, message, detail, status, requestId }) {
    return { error: { code, message, detail, status, requestId } };
  }
}

function connect({ organizationId, clientId }) {
  shop.sdk = CustomerSDK.init({ organizationId, clientId, identityProvider: shop.provider });
  for (const name of ['connected', 'disconnected', 'connection_restored']) {
    shop.sdk.on(name, (payload) => shop.events.push([name, payload?.reason ?? payload?.customer?.id]));
  }
  return new Promise((resolve) => {
    shop.sdk.on('connected', ({ customer }) => resolve(customer.id));
    shop.sdk.on('disconnected', ({ reason }) => {
      if (reason !== 'connection_lost') resolve({ reason });
    });
  });
}
