// A stand-in for the frame of LiveChat's widget: the real Customer SDK, which calls the page's identity provider by messages.
import { init } from '@livechat/customer-sdk';

/* global ACCOUNT: the account that LiveChat knows */

const query = new URLSearchParams(location.search);
const pending = new Map();
let calls = 0;

const tell = (message) => parent.postMessage(message, '*');
const call = (name) => () =>
  new Promise((resolve) => {
    calls += 1;
    pending.set(calls, resolve);
    tell({ call: name, id: calls });
  });

addEventListener('message', ({ source, data }) => {
  if (source !== parent) return;
  pending.get(data.id)?.(data.value);
  pending.delete(data.id);
});

const identityProvider = () => ({
  getToken: call('getToken'),
  getFreshToken: call('getFreshToken'),
  hasToken: call('hasToken'),
  invalidate: call('invalidate'),
});

/** If the customer has changed, starts again: the widget then shows the new customer's chat. */
function start() {
  const sdk = init({
    organizationId: ACCOUNT.organizationId,
    clientId: ACCOUNT.clientId,
    region: query.get('region') || null,
    identityProvider,
  });
  sdk.on('connected', ({ customer }) => {
    tell({ event: ['connected', customer.id] });
    tell({ customer: customer.id });
  });
  sdk.on('disconnected', ({ reason }) => {
    tell({ event: ['disconnected', reason] });
    if (reason !== 'identity_mismatch') return;
    tell({ event: ['identity_changed'] });
    start();
  });
}

if (query.get('custom_identity_provider') === '1') start();
// Without an identity provider on the page, LiveChat identifies a visitor by its own cookies.
else tell({ customer: 'anonymous' });
