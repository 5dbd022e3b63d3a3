// A stand-in for LiveChat's tracking.js. It uses a page's identity provider like the real one, and shows the customer's id in place of a chat.
//
// - It reads `__lc` once and starts once. `destroy` removes its globals, but not `__lc`.
// - It gets its configuration from LiveChat's API by a script, and puts the chat into a frame of another origin.
// - It calls the identity provider once. If this does not return four functions, it writes a line to the console, and the visitor is
//   LiveChat's own anonymous customer.
// - The frame calls the four functions by messages with an id. Results are sent back with this id; rejections are dropped.

/* global ACCOUNT: the account that LiveChat knows */

const OPERATIONS = ['getToken', 'getFreshToken', 'hasToken', 'invalidate'];

if (!window.__lc_inited) {
  window.__lc_inited = true;
  window.LC_API ??= {};
  start(window.__lc);
}

async function start({ organizationId, license, custom_identity_provider: identityProvider }) {
  if (organizationId ? organizationId !== ACCOUNT.organizationId : license !== ACCOUNT.licenseId)
    throw new Error('LiveChat does not know this account');
  const functions = readProvider(identityProvider);
  const listeners = [];
  const element = document.createElement('div');
  element.id = 'livechat';
  const frame = document.createElement('iframe');
  frame.hidden = true;

  addEventListener('message', receive);
  const { region } = await configuration();
  const host = `https://secure${region ? `-${region}` : ''}.livechatinc.com`;
  frame.src = `${host}/customer/action/open_chat?custom_identity_provider=${functions ? 1 : 0}&region=${region}`;
  document.body.append(frame);

  function receive({ source, data }) {
    if (source !== frame.contentWindow) return;
    if (data.call) reply(data);
    else if (data.customer) show(data.customer);
    else if (data.event) dispatchEvent(new CustomEvent('livechat', { detail: data.event }));
  }

  function reply({ call, id }) {
    Promise.resolve(functions[call]()).then((value) => frame.contentWindow?.postMessage({ id, value }, host));
  }

  function show(customer) {
    const isFirst = element.textContent === '';
    element.textContent = customer;
    if (isFirst) ready();
  }

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
    // Of the calls that show or hide the widget, only the last one takes effect.
    for (const [method, args] of [...others, ...visibility.slice(-1)]) handle(method, args);
    widget._q = [];
    widget._h = handle;
    for (const [name, listener] of listeners) if (name === 'ready') listener({ state: {}, customerData: {} });
    window.LC_API?.on_after_load?.();
  }

  function destroy() {
    removeEventListener('message', receive);
    frame.remove();
    element.remove();
    delete window.__lc_inited;
    delete window.LC_API;
    delete window.LiveChatWidget;
  }
}

function readProvider(identityProvider) {
  if (!identityProvider) return undefined;
  const functions = identityProvider();
  if (OPERATIONS.every((name) => typeof functions?.[name] === 'function')) return functions;
  console.error('custom_identity_provider() has to return an object with getToken, getFreshToken, hasToken and invalidate');
  return undefined;
}

/** LiveChat's API returns the configuration as a script that calls a function. */
function configuration() {
  return new Promise((resolve, reject) => {
    window.__lc_configuration = resolve;
    const script = document.createElement('script');
    script.src = 'https://api.livechatinc.com/v3.6/customer/action/get_dynamic_configuration?jsonp=__lc_configuration';
    script.onerror = () => reject(new Error('LiveChat has no configuration for this page'));
    document.head.append(script);
  });
}
