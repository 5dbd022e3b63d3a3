// The settings: the same environment variables as those of the functions in Rust. AUTH=none only.
const { env } = process;

function required(name) {
  const value = env[name]?.trim();
  if (!value) throw new Error(`${name} is missing`);
  return value;
}

if (required('AUTH') !== 'none' || env.ALLOW_UNVERIFIED_USERS !== 'true') {
  throw new Error('This function only knows AUTH=none with ALLOW_UNVERIFIED_USERS=true');
}

export const table = required('TABLE_NAME');

/** Read only by the functions that call LiveChat. */
export function liveChatSettings() {
  const organizationId = env.LIVECHAT_ORGANIZATION_ID;
  const licenseId = env.LIVECHAT_LICENSE_ID && Number(env.LIVECHAT_LICENSE_ID);
  if (!organizationId && !licenseId) throw new Error('LIVECHAT_ORGANIZATION_ID or LIVECHAT_LICENSE_ID is missing');
  return {
    accountsUrl: (env.LIVECHAT_ACCOUNTS_URL || 'https://accounts.livechat.com').replace(/\/+$/, ''),
    clientId: required('LIVECHAT_CLIENT_ID'),
    redirectUri: required('LIVECHAT_REDIRECT_URI'),
    organizationId,
    licenseId,
  };
}
