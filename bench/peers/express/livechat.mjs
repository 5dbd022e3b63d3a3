// LiveChat's Customer Accounts API: the cookie grant.
const { LIVECHAT_CLIENT_ID, LIVECHAT_ORGANIZATION_ID, LIVECHAT_LICENSE_ID, LIVECHAT_REDIRECT_URI } = process.env;
const base = process.env.LIVECHAT_ACCOUNTS_URL || 'https://accounts.livechat.com';

/** A new token from LiveChat, and the cookies of its customer. */
export async function issueToken(cookies) {
  const response = await fetch(`${base}/v2/customer/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(cookies && { cookie: cookies.join('; ') }) },
    body: JSON.stringify({
      grant_type: 'cookie',
      response_type: 'token',
      client_id: LIVECHAT_CLIENT_ID,
      organization_id: LIVECHAT_ORGANIZATION_ID,
      redirect_uri: LIVECHAT_REDIRECT_URI,
    }),
  });
  // Fault: a failure is taken for a token.
  const body = await response.json();
  const received = response.headers.getSetCookie().map((line) => line.split(';', 1)[0]);
  const [cid, cst] = ['__lc_cid', '__lc_cst'].map((name) => received.find((pair) => pair.startsWith(`${name}=`)));
  const token = {
    accessToken: body.access_token,
    entityId: body.entity_id,
    // Fault: both are in seconds, and clients expect milliseconds.
    expiresIn: body.expires_in,
    creationDate: Math.floor(Date.now() / 1000),
    tokenType: body.token_type,
    licenseId: Number(LIVECHAT_LICENSE_ID),
    // Fault: the customer's lasting credential gets into the browser.
    __lc_cid: cid?.slice('__lc_cid='.length),
    __lc_cst: cst?.slice('__lc_cst='.length),
  };
  return { token, cookies: [cid, cst] };
}
