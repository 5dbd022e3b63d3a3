// The login on both devices. It uses the development login, which only `cargo local` has.

const TIMEOUT_MS = 5_000;

/** Whether this page can log users in. It cannot if the settings have a key or secret: then only its owner can sign credentials. */
export const canLogIn = ({ auth, developmentLogin }) => auth === 'none' || developmentLogin;

const LONGEST_NAME = 256;

/** Throws an error that says why the backend would refuse this name. */
export function checkName(user, { auth }) {
  const bytes = new TextEncoder().encode(user).length;
  if (bytes === 0) throw new Error('type a user name first.');
  if (bytes > LONGEST_NAME) throw new Error(`the name has ${bytes} bytes in UTF-8. A user id has at most ${LONGEST_NAME}.`);
  if (/\p{Cc}/u.test(user)) throw new Error('the name contains a control character, such as a tab. A user id has none.');
  if (['.', '..'].includes(user) && ['none', 'hmac'].includes(auth)) {
    throw new Error(
      `with AUTH=${auth} the name is in the path of each request, and browsers take “${user}” as a step in the path. With AUTH=jwt it is in the token, and works.`,
    );
  }
}

/** The user of each credential that this page has got. */
const users = new Map();

/** The user of the value of a header. */
export const userOf = (credential) => users.get(credential);

/** The headers that a request of `user` needs, and whether its path must name the user. Rejects with a message for the page. */
export async function credentialsOf(user, { auth }) {
  if (auth === 'none') return { headers: {}, userInPath: true };
  const response = await fetch(`/dev/credentials?user=${encodeURIComponent(user)}`, {
    cache: 'no-store',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`/dev/credentials returned ${response.status}: ${await response.text()}`);
  const credentials = await response.json();
  for (const value of Object.values(credentials.headers)) users.set(value, user);
  return credentials;
}

/** The options that a site passes to `createIdentityProvider` for a user who is logged in. */
export async function optionsOf(user, config) {
  if (config.auth === 'none') return { user };
  const { headers } = await credentialsOf(user, config);
  if (config.auth === 'hmac') return { user, userHash: headers['X-User-Hash'], userHashExpires: headers['X-User-Hash-Expires'] };
  return { token: async () => (await credentialsOf(user, config)).headers.Authorization.replace(/^Bearer /, '') };
}

/** The options while nobody is logged in. Without guests, the provider then makes no request. */
export const NOBODY = { token: null };
