// Checks the options of a page. `null` counts as left out, because templates and databases use it for missing values.

/**
 * @param {import('../livechat-cip.d.ts').Options} given
 * @throws {TypeError} with the name of the invalid option
 */
export function readOptions(given) {
  const { baseUrl, cache, credentials, guest, scope, timeout, token, userHash } = given;
  const user = given.user ?? undefined;
  const isUser = user !== undefined;
  check(baseUrl, 'baseUrl', 'is missing');
  // URL parsers treat `.` and `..` as steps in the path, even if they are percent-encoded.
  check(!isUser || !/^\.{0,2}$/.test(user), 'user', 'cannot be in a path');
  check(!userHash || isUser, 'userHash', 'needs user');
  check(cache !== 'session' || isUser || (guest && !token && !credentials), 'cache', "'session' needs user");
  return {
    ...given,
    base: String(baseUrl).replace(/\/$/, ''),
    credentials: credentials ?? undefined,
    scope: scope ?? '',
    timeout: timeout ?? 8_000,
    user,
    /** Whether only callers with a token are logged in: if the option `token` was given, with any value. */
    needsToken: 'token' in given,
  };
}

/**
 * @param {unknown} holds
 * @param {string} option
 * @param {string} why
 */
function check(holds, option, why) {
  if (!holds) throw new TypeError(`createIdentityProvider: ${option}: ${why}`);
}
