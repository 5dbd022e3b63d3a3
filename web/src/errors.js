// The errors that LiveChat's clients understand.

/** @typedef {import('../livechat-cip.d.ts').IdentityError} IdentityError */

export const IDENTITY = 'SSO_IDENTITY_EXCEPTION';
export const OAUTH = 'SSO_OAUTH_EXCEPTION';
/** The message of a temporary failure. It is retried here. If LiveChat's SDK should ever get it, the SDK retries too. */
export const TEMPORARY = 'temporarily_unavailable';

/** The response is not the backend's. */
export const NOT_OURS = 'Wrong baseUrl?';

/**
 * @param {boolean} isIdentity whether the cause is the caller's identity
 * @param {string} message a code of the backend or of LiveChat
 * @param {string} detail a text for people
 * @param {Partial<IdentityError> & { waitMs?: number }} [more]
 * @returns {IdentityError & { waitMs?: number }}
 */
export const failure = (isIdentity, message, detail, more) =>
  Object.assign(
    new Error(message),
    /** @type {Pick<IdentityError, 'code' | 'detail'>} */ ({ code: isIdentity ? IDENTITY : OAUTH, detail }),
    more,
  );

export const loggedOut = () => failure(true, 'logged_out', 'Logged out.');
