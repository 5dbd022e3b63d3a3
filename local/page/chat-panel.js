// Stands in for LiveChat's tracking code on a page of your own, without a licence: a chat in a corner of the page.
//
// - Like LiveChat's script, it reads `__lc` and calls the identity provider once, when it starts. `LiveChatWidget.call('destroy')` removes it
//   and its globals, but not `__lc`; the script can then be added again.
// - Like LiveChat's, the chat is a frame of another origin, which calls the four functions by messages. So neither the page's style sheets nor
//   its Content-Security-Policy affect it, and the sandbox needs to accept calls of its own page only.
// - LiveChat's script drops rejections. This one shows them.

(() => {
  const OPERATIONS = ['getToken', 'getFreshToken', 'hasToken', 'invalidate'];
  const SELF = 'The chat panel of cargo local';
  const LOAD_MS = 3_000;
  const STYLE = {
    all: 'initial',
    position: 'fixed',
    inset: 'auto 1rem 1rem auto',
    'z-index': '2147483647',
    width: 'min(22rem, calc(100vw - 2rem))',
    border: '0',
    'border-radius': '0.75rem',
    'box-shadow': '0 0.25rem 1.5rem rgb(0 0 0 / 0.3)',
    'color-scheme': 'light dark',
  };
  const HEIGHTS = { maximize: 'min(30rem, calc(100vh - 2rem))', minimize: '3.25rem', hide: '0' };

  if (!document.currentScript) throw new Error(`${SELF} is not a module: include it without type="module".`);
  const { origin } = new URL(document.currentScript.src);
  if (window.__lc_inited) return;
  window.__lc_inited = true;

  const { functions, problem } = readProvider(window.__lc?.custom_identity_provider);
  let listeners = [];
  let isReady = false;
  let isRemoved = false;
  window.LiveChatWidget ??= api();

  const { port1: port, port2: ofFrame } = new MessageChannel();
  port.onmessage = ({ data }) => receive(data);
  const frame = Object.assign(document.createElement('iframe'), { title: 'Chat', src: `${origin}/panel.html` });
  for (const [name, value] of Object.entries(STYLE)) frame.style.setProperty(name, value, 'important');
  resize('maximize');
  let loads;
  frame.addEventListener(
    'load',
    () => {
      loads = setTimeout(fail, LOAD_MS);
      frame.contentWindow.postMessage({ problem }, origin, [ofFrame]);
    },
    { once: true },
  );
  if (document.body) document.body.append(frame);
  else addEventListener('DOMContentLoaded', () => isRemoved || document.body.append(frame));

  /** The four functions; or what is wrong with the provider, for the chat. */
  function readProvider(provider) {
    const anonymous = 'LiveChat would show an anonymous chat here.';
    if (provider === undefined) {
      return { problem: `__lc.custom_identity_provider was not set when this script started. ${anonymous}` };
    }
    if (typeof provider !== 'function') {
      return { problem: `__lc.custom_identity_provider is not a function: pass the provider itself, not its result. ${anonymous}` };
    }
    try {
      const result = provider();
      if (OPERATIONS.every((name) => typeof result?.[name] === 'function')) return { functions: result };
      console.error(`${SELF}: custom_identity_provider has to return an object with ${OPERATIONS.join(', ')}, not`, result);
      return { problem: `custom_identity_provider did not return the four functions at once. ${anonymous}` };
    } catch (error) {
      console.error(`${SELF}: custom_identity_provider failed.`, error);
      return { problem: `custom_identity_provider failed: ${error.message}` };
    }
  }

  async function receive({ started, size, call, id }) {
    if (started) {
      clearTimeout(loads);
      if (problem) ready();
    }
    if (size) resize(size);
    if (!call) return;
    try {
      const value = await functions[call]();
      port.postMessage({ id, value });
      if (call === 'getToken') ready();
    } catch (error) {
      const { code = 'provider_failed', detail, message = error } = error ?? {};
      port.postMessage({ id, error: { code: String(code), detail: String(detail ?? `${call} failed: ${message}.`) } });
    }
  }

  function fail() {
    const allowed =
      location.protocol === 'file:'
        ? 'serve this page, because a file cannot be allowed'
        : `is ${location.origin} in its ALLOWED_ORIGINS, and does the Content-Security-Policy of this page allow ${origin} in frame-src?`;
    console.error(`${SELF} did not start. Is cargo local running at ${origin}? If so: ${allowed}`);
    remove();
  }

  function resize(size) {
    frame.style.setProperty('height', HEIGHTS[size], 'important');
    frame.style.setProperty('visibility', size === 'hide' ? 'hidden' : 'visible', 'important');
  }

  function remove() {
    isRemoved = true;
    clearTimeout(loads);
    port.close();
    frame.remove();
    delete window.__lc_inited;
    delete window.LC_API;
    delete window.LiveChatWidget;
  }

  // ---- LiveChat's JavaScript API, as far as it concerns identities

  /** Queues calls until the chat is ready, as LiveChat's tracking code does. */
  function api() {
    const widget = { _q: [], _h: null, _v: '2.0' };
    for (const name of ['on', 'once', 'off', 'get', 'call']) {
      widget[name] = (...args) => (widget._h ? widget._h(name, args) : widget._q.push([name, args]));
    }
    return widget;
  }

  function ready() {
    // The globals may be those of the next chat by now.
    if (isReady || isRemoved) return;
    isReady = true;
    const widget = window.LiveChatWidget;
    widget._h = handle;
    for (const [method, args] of widget._q.splice(0)) handle(method, args);
    for (const [event, listener] of listeners) if (event === 'ready') listener({ state: {}, customerData: {} });
  }

  function handle(method, [name, listener]) {
    if (method === 'call' && name === 'destroy') remove();
    else if (method === 'call' && HEIGHTS[name]) port.postMessage({ size: name });
    else if (method === 'on' || method === 'once') listeners.push([name, listener]);
    else if (method === 'off') listeners = listeners.filter(([event, known]) => event !== name || known !== listener);
    else console.info(`${SELF} ignores LiveChatWidget.${method}('${name}').`);
  }
})();
