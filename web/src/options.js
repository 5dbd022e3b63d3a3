// What a page passes, checked. `null` is as good as left out: that is what templates and databases have for "nothing".

/**
 * @param {import('../livechat-cip.d.ts').Options} given
 * @throws {TypeError} that names the option
 */
export function readOptions(given) {
  const { baseUrl, cache, credentials, guest, scope, timeout, token, userHash } = given;
  const user = given.user ?? undefined;
  const isUser = user !== undefined;
  check(baseUrl, 'baseUrl', 'is missing');
  // URL parsers take dots for steps in the path, even percent-encoded.
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
    /** Whether a caller without a token is nobody: it was passed, whatever its value. */
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
