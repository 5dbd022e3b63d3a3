import { createIdentityProvider } from 'livechat-cip';

/**
 * The session's token, from the app around this page; an empty text while nobody is logged in. On iOS a
 * `WKScriptMessageHandlerWithReply` named `session`, on Android a `JavascriptInterface` named `nativeApp`.
 *
 * @returns {Promise<string>}
 */
const nativeSession = async () => window.webkit?.messageHandlers.session.postMessage('get') ?? window.nativeApp.session();

let identityProvider;
let isReady;

function start() {
  isReady = false;
  identityProvider = createIdentityProvider({ baseUrl: 'https://cip.example.com', token: nativeSession, guest: true });
  window.__lc = { organizationId: '11111111-1111-4111-8111-111111111111', custom_identity_provider: identityProvider };

  // LiveChat's tracking code, as far as it is needed.
  const queue =
    (method) =>
    (...args) =>
      widget._h ? widget._h(method, args) : widget._q.push([method, args]);
  const widget = {
    _q: [],
    _h: null,
    _v: '2.0',
    on: queue('on'),
    once: queue('once'),
    off: queue('off'),
    get: queue('get'),
    call: queue('call'),
  };
  window.LiveChatWidget = widget;
  // There is nothing on this page but the chat.
  widget.call('maximize');
  widget.once('ready', () => {
    isReady = true;
  });
  const script = document.createElement('script');
  script.src = 'https://cdn.livechatinc.com/tracking.js';
  script.async = true;
  document.head.append(script);
}

/** What the app calls, with `evaluateJavaScript`. */
window.chat = {
  /** Before the app's session ends. */
  logOut: () => identityProvider.logout(),
  /** After a login or logout in the app. */
  sessionChanged() {
    // LiveChat's script keeps the identity that it was started with. While it starts, only a new page can give it another one.
    if (!isReady) return location.reload();
    window.LiveChatWidget?.call('destroy');
    start();
  },
};
start();
