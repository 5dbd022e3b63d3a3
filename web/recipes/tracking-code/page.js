import { createIdentityProvider } from 'livechat-cip';
import { logIn, logOut, session } from '../site.js';

let identityProvider;
let isReady;

/** Shows the chat of the user who is logged in, or of the guest. */
function start() {
  isReady = false;
  // By default, LiveChat's widget is removed from the page when this identity ends, in this tab or another one.
  identityProvider = createIdentityProvider({ baseUrl: 'https://cip.example.com', token: session, guest: true });
  window.__lc = { organizationId: '11111111-1111-4111-8111-111111111111', custom_identity_provider: identityProvider };

  // The necessary part of LiveChat's tracking code. It is repeated here because `destroy` removes the globals.
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
  widget.once('ready', () => {
    isReady = true;
  });
  const script = document.createElement('script');
  script.src = 'https://cdn.livechatinc.com/tracking.js';
  script.async = true;
  document.head.append(script);
}

/** A login or logout without a page load. */
async function change(work) {
  // LiveChat's script keeps the identity that it was started with. Until it is ready, only a page load can change it.
  const reload = !isReady;
  await work();
  if (reload) {
    location.reload();
    return;
  }
  window.LiveChatWidget?.call('destroy');
  start();
}

async function endUser() {
  // While the session is still valid.
  await identityProvider.logout();
  await logOut();
}

document.querySelector('#log-in').onclick = () => change(logIn);
document.querySelector('#switch-user').onclick = () => change(() => endUser().then(logIn));
document.querySelector('#log-out').onclick = () => change(endUser);
start();
