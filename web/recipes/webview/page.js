import { createIdentityProvider } from 'livechat-cip';

/**
 * The session's token, from the app around this page; an empty string while nobody is logged in. On iOS, the app has a
 * `WKScriptMessageHandlerWithReply` named `session`; on Android, a `JavascriptInterface` named `nativeApp`.
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

  // The necessary part of LiveChat's tracking code.
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
  // This page only has the chat.
  widget.call('maximize');
  widget.once('ready', () => {
    isReady = true;
  });
  const script = document.createElement('script');
  script.src = 'https://cdn.livechatinc.com/tracking.js';
  script.async = true;
  document.head.append(script);
}

/** The functions that the app calls, with `evaluateJavaScript`. */
window.chat = {
  /** To be called before the app's session ends. */
  logOut: () => identityProvider.logout(),
  /** To be called after a login or logout in the app. */
  sessionChanged() {
    // LiveChat's script keeps the identity that it was started with. Until it is ready, only a page load can change it.
    if (!isReady) return location.reload();
    window.LiveChatWidget?.call('destroy');
    start();
  },
};
start();
