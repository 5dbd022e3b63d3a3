// The errors that LiveChat's clients understand.

/** @typedef {import('../livechat-cip.d.ts').IdentityError} IdentityError */

export const IDENTITY = 'SSO_IDENTITY_EXCEPTION';
export const OAUTH = 'SSO_OAUTH_EXCEPTION';
/** The message of a failure that passes. It is tried again here; if a client should ever see it, LiveChat's SDK tries again too. */
export const TEMPORARY = 'temporarily_unavailable';

/** The response is not the backend's. */
export const NOT_OURS = 'Wrong baseUrl?';

/**
 * @param {boolean} isIdentity whether it is about who is calling
 * @param {string} message a code of the backend's or of LiveChat's
 * @param {string} detail for people
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
