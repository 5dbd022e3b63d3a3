import { init } from '@livechat/customer-sdk';
import { createIdentityProvider } from 'livechat-cip';
import { logIn, logOut, session } from '../site.js';

const chat = document.querySelector('#chat');
let sdk;
let identityProvider;

/** Shows the chat of the user who is logged in, or of the guest. */
function start() {
  identityProvider = createIdentityProvider({ baseUrl: 'https://cip.example.com', token: session, guest: true, onLogout: stop });
  sdk = init({ organizationId: '11111111-1111-4111-8111-111111111111', clientId: 'your-client-id', identityProvider });
  sdk.on('connected', ({ customer }) => {
    chat.textContent = customer.id;
  });
}

/** Called when the identity has ended, in this tab or another one, and before another identity starts. */
function stop() {
  sdk.destroy();
  chat.textContent = '';
}

async function endUser() {
  // While the session is still valid.
  await identityProvider.logout();
  await logOut();
}

/** A login or logout without a page load. */
async function change(work) {
  await work();
  stop();
  start();
}

document.querySelector('#log-in').onclick = () => change(logIn);
document.querySelector('#switch-user').onclick = () => change(() => endUser().then(logIn));
document.querySelector('#log-out').onclick = () => change(endUser);
start();
