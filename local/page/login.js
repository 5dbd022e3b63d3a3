// The login of the two sites, which is the one for development that only `cargo local` has.

const PATIENCE_MS = 5_000;

/** Whether this page can log anybody in: not with keys that only their owner can sign with. */
export const canLogIn = ({ auth, developmentLogin }) => auth === 'none' || developmentLogin;

/** What a request for `user` must carry, `{ headers, userInPath }`. Rejects with words for people. */
export async function credentialsOf(user, { auth }) {
  if (auth === 'none') return { headers: {}, userInPath: true };
  const response = await fetch(`/dev/credentials?user=${encodeURIComponent(user)}`, {
    cache: 'no-store',
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) throw new Error(`/dev/credentials answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** What a site tells `createIdentityProvider` of whoever is logged in. */
export async function optionsOf(user, config) {
  if (config.auth === 'none') return { user };
  const { headers } = await credentialsOf(user, config);
  if (config.auth === 'hmac') return { user, userHash: headers['X-User-Hash'], userHashExpires: headers['X-User-Hash-Expires'] };
  return { token: async () => (await credentialsOf(user, config)).headers.Authorization.replace(/^Bearer /, '') };
}

/** What it says while nobody is: without guests, no request is made then. */
export const NOBODY = { token: null };
