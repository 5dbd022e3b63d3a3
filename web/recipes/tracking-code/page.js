import { createIdentityProvider } from 'livechat-cip';
import { logIn, logOut, session } from '../site.js';

let identityProvider;
let isReady;

/** Shows the chat of whoever is logged in, or the guest's. */
function start() {
  isReady = false;
  // By default, LiveChat's widget leaves the page when this identity ends, here or in another tab.
  identityProvider = createIdentityProvider({ baseUrl: 'https://cip.example.com', token: session, guest: true });
  window.__lc = { organizationId: '11111111-1111-4111-8111-111111111111', custom_identity_provider: identityProvider };

  // LiveChat's tracking code, as far as it is needed: `destroy` has taken away what there was.
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
  // LiveChat's script keeps the identity that it was started with. While it starts, only a new page can give it another one.
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
  // While the session still stands.
  await identityProvider.logout();
  await logOut();
}

document.querySelector('#log-in').onclick = () => change(logIn);
document.querySelector('#switch-user').onclick = () => change(() => endUser().then(logIn));
document.querySelector('#log-out').onclick = () => change(endUser);
start();
