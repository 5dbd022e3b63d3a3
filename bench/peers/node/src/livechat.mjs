// LiveChat's Customer Accounts API: the cookie grant.
import { HttpError } from './http.mjs';
import { liveChatSettings } from './settings.mjs';

const { accountsUrl, clientId, redirectUri, organizationId, licenseId } = liveChatSettings();
const url = `${accountsUrl}${organizationId ? '/v2' : ''}/customer/token`;
const origin = new URL(redirectUri).origin;
const grant = JSON.stringify({
  grant_type: 'cookie',
  response_type: 'token',
  client_id: clientId,
  ...(organizationId ? { organization_id: organizationId } : { license_id: licenseId }),
  redirect_uri: redirectUri,
});
const TIMEOUT_MS = 3_000;

function cookieOf(headers, name) {
  const line = headers.getSetCookie().find((line) => line.startsWith(`${name}=`));
  return line?.slice(name.length + 1).split(';', 1)[0];
}

function check(status, body) {
  const exception = body?.oauth_exception ?? body?.identity_exception;
  if (exception === 'server_error' || exception === 'temporarily_unavailable' || status >= 500 || status === 429) {
    throw new HttpError(503, 'livechat_unavailable');
  }
  if (exception || status !== 200) throw new HttpError(502, 'livechat_rejected');
  if (!body?.access_token || !body.entity_id || !(body.expires_in > 0)) throw new HttpError(503, 'livechat_unavailable');
}

async function send(cookies) {
  const headers = { 'content-type': 'application/json', origin };
  if (cookies) headers.cookie = `__lc_cid=${cookies.cid}; __lc_cst=${cookies.cst}`;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { method: 'POST', headers, body: grant, redirect: 'error', signal });
    return { response, body: await response.json() };
  } catch {
    throw new HttpError(503, 'livechat_unavailable');
  }
}

/** A new token: for the customer with these cookies, or for a new customer. */
export async function issueToken(cookies) {
  const createdMs = Date.now();
  const { response, body } = await send(cookies);
  check(response.status, body);
  const cid = cookieOf(response.headers, '__lc_cid') ?? cookies?.cid;
  const cst = cookieOf(response.headers, '__lc_cst') ?? cookies?.cst;
  if (!cid || !cst) throw new HttpError(503, 'livechat_unavailable');
  return { accessToken: body.access_token, entityId: body.entity_id, createdMs, expiresInMs: body.expires_in * 1000, cid, cst };
}

/** The token object of a Custom Identity Provider. */
export function tokenObject({ accessToken, entityId, createdMs, expiresInMs }) {
  return { accessToken, entityId, expiresIn: expiresInMs, tokenType: 'Bearer', creationDate: createdMs, licenseId, organizationId };
}
