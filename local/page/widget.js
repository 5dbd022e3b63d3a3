// LiveChat's own widget, for a real licence: the tracking code that LiveChat gives to sites, as a module. To change the user, it
// removes the widget from the page and loads it again, as LiveChat's adapters for frameworks do.

const SCRIPT = 'https://cdn.livechatinc.com/tracking.js';

export class Widget {
  #config;
  #say;
  isOpen = false;
  /** The widget cannot be removed while it is loading. */
  #settled = Promise.resolve();

  constructor(config, say) {
    this.#config = config;
    this.#say = say;
  }

  open({ provider, group }) {
    this.isOpen = true;
    const { organizationId, licenseId } = this.#config;
    const account = organizationId ? { organizationId } : { license: licenseId };
    this.#settled = this.#settled.then(
      () =>
        new Promise((resolve) => {
          window.__lc = { ...account, ...(group !== undefined && { group }), custom_identity_provider: provider };
          window.LC_API = { on_after_load: resolve };
          window.LiveChatWidget ??= queue();
          const script = Object.assign(document.createElement('script'), { async: true, src: SCRIPT });
          script.addEventListener('error', () => {
            this.#say(`LiveChat’s widget cannot be loaded from ${SCRIPT}.`);
            resolve();
          });
          document.head.append(script);
        }),
    );
  }

  close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#settled = this.#settled.then(() => {
      window.LiveChatWidget?.call('destroy');
      document.querySelector(`script[src="${SCRIPT}"]`)?.remove();
    });
  }
}

/** Queues the calls of the widget's API until the widget has loaded. */
function queue() {
  const api = { _q: [], _h: null, _v: '2.0' };
  for (const name of ['on', 'once', 'off', 'get', 'call']) {
    api[name] = (...args) => (api._h ? api._h(name, args) : api._q.push([name, args]));
  }
  return api;
}
