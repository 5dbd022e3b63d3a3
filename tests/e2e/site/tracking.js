// A stand-in for LiveChat's tracking.js: the identity provider of the page, the real Customer SDK, and instead of a chat the customer's
// id. What it takes over of the real one is what matters to an identity: it starts once, with the settings of that moment, works off
// the page's queue when it is ready, and `destroy` takes its globals away.
import { init } from '@livechat/customer-sdk';

/* global ACCOUNT: what LiveChat knows of the licence */

if (!window.__lc_inited) {
  window.__lc_inited = true;
  window.LC_API ??= {};
  start(window.__lc);
}

function start({ organizationId, license, custom_identity_provider: identityProvider }) {
  if (organizationId ? organizationId !== ACCOUNT.organizationId : license !== ACCOUNT.licenseId)
    throw new Error('LiveChat does not know this account');
  const listeners = [];
  const element = document.createElement('div');
  element.id = 'livechat';

  const sdk = init({ organizationId: ACCOUNT.organizationId, clientId: ACCOUNT.clientId, identityProvider });
  sdk.on('connected', ({ customer }) => {
    const isFirst = element.textContent === '';
    element.textContent = customer.id;
    if (isFirst) ready();
  });

  function handle(method, [name, value]) {
    if (method === 'call') {
      if (name === 'destroy') destroy();
    } else if (method === 'on' || method === 'once') {
      listeners.push([name, value]);
    } else if (method === 'off') {
      const index = listeners.findIndex(([given, listener]) => given === name && listener === value);
      if (index >= 0) listeners.splice(index, 1);
    }
  }

  function ready() {
    document.body.append(element);
    const widget = window.LiveChatWidget;
    const [others, visibility] = [[], []];
    for (const item of widget._q) (['destroy', 'hide', 'maximize', 'minimize'].includes(item[1][0]) ? visibility : others).push(item);
    // Of the calls that show or hide it, the last.
    for (const [method, args] of [...others, ...visibility.slice(-1)]) handle(method, args);
    widget._q = [];
    widget._h = handle;
    for (const [name, listener] of listeners) if (name === 'ready') listener({ state: {}, customerData: {} });
    window.LC_API?.on_after_load?.();
  }

  function destroy() {
    sdk.destroy();
    element.remove();
    delete window.__lc_inited;
    delete window.LC_API;
    delete window.LiveChatWidget;
  }
}
