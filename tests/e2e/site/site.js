// An identity provider for LiveChat's Customer SDK, as a site's engineer would write it. It records each call for the tests.
const user = new URLSearchParams(location.search).get('user');
const calls = [];

async function call(operation) {
  const record = { operation };
  calls.push(record);
  const response = await fetch(`/${operation}/${encodeURIComponent(user)}`);
  const text = await response.text();
  record.status = response.status;
  record.cacheStatus = response.headers.get('cache-status');
  record.contentType = response.headers.get('content-type');
  record.result = JSON.parse(text);
  record.respondedAt = Date.now();
  if (!response.ok) throw ssoError(response.status);
  return record.result;
}

/** The errors that the SDK knows: temporary ones, which it retries, and permanent ones. */
function ssoError(status) {
  const [code, message] = [401, 403, 409].includes(status)
    ? ['SSO_IDENTITY_EXCEPTION', 'unauthorized']
    : ['SSO_OAUTH_EXCEPTION', status >= 500 ? 'temporarily_unavailable' : 'invalid_request'];
  return Object.assign(new Error(message), { code });
}

const identityProvider = () => ({
  getToken: () => call('getToken'),
  getFreshToken: () => call('getFreshToken'),
  hasToken: () => call('hasToken'),
  invalidate: () => call('invalidate'),
});

/** Resolves with the customer's id after the login at LiveChat. Rejects if the SDK disconnects. */
function login({ organizationId, clientId }) {
  const sdk = CustomerSDK.init({ organizationId, clientId, identityProvider });
  return new Promise((resolve, reject) => {
    sdk.on('connected', ({ customer }) => resolve(customer.id));
    sdk.on('disconnected', ({ reason }) => reject(new Error(`the SDK disconnected: ${reason}`)));
  });
}

globalThis.site = { call, calls, login };
