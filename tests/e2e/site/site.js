// What a site's engineer writes to give LiveChat's Customer SDK its identity provider, and a record of each call for the tests.
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
  record.answer = JSON.parse(text);
  record.answeredAt = Date.now();
  if (!response.ok) throw ssoError(response.status);
  return record.answer;
}

/** The two kinds of failure that the SDK knows: try again later, and give up. */
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

/** Resolves with the customer's id once LiveChat has let them in, rejects once the SDK has given up. */
function login({ organizationId, clientId }) {
  const sdk = CustomerSDK.init({ organizationId, clientId, identityProvider });
  return new Promise((resolve, reject) => {
    sdk.on('connected', ({ customer }) => resolve(customer.id));
    sdk.on('disconnected', ({ reason }) => reject(new Error(`the SDK disconnected: ${reason}`)));
  });
}

globalThis.site = { call, calls, login };
