// The script of a site's page. It records events for the tests.
import { createIdentityProvider } from '/livechat-cip.js';

globalThis.shop = {
  session: undefined,
  ask: async () => shop.session,
  logouts: 0,
  events: [],
  violations: [],
  unhandled: [],
  provide,
  call,
  connect,
  embed,
};

addEventListener('securitypolicyviolation', ({ blockedURI, violatedDirective }) => {
  shop.violations.push(`${violatedDirective} ${blockedURI}`);
});

// The events of the stand-in for LiveChat's widget.
addEventListener('livechat', ({ detail }) => shop.events.push(detail));
addEventListener('unhandledrejection', ({ reason }) => shop.unhandled.push(String(reason)));

function provide({ token, ...options }) {
  shop.provider = createIdentityProvider({
    ...options,
    ...(token === true ? { token: () => shop.ask() } : token !== undefined && { token }),
    onLogout() {
      shop.logouts += 1;
      shop.sdk?.destroy();
      window.LiveChatWidget?.call('destroy');
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

function connect({ organizationId, clientId, region = null }) {
  shop.sdk = CustomerSDK.init({ organizationId, clientId, region, identityProvider: shop.provider });
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

function embed({ organizationId }) {
  window.__lc = { organizationId, custom_identity_provider: shop.provider };
  const queue =
    (method) =>
    (...args) =>
      widget._h ? widget._h(method, args) : widget._q.push([method, args]);
  const widget = { _q: [], _h: null, call: queue('call'), on: queue('on') };
  window.LiveChatWidget = widget;
  const script = document.createElement('script');
  script.src = 'https://cdn.livechatinc.com/tracking.js';
  document.head.append(script);
}
