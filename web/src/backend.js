// Requests to the backend: the caller, the request, and the meaning of the response.

import { failure, NOT_OURS, TEMPORARY } from './errors.js';
import { toHeld } from './token.js';

/** A longer `Retry-After` is shortened to this. */
const LONGEST_WAIT_MS = 300_000;

/** @typedef {{ bearer?: string | null, secret?: string }} Caller the session's token, and the guest's secret */

/**
 * @param {ReturnType<typeof import('./options.js').readOptions>} options
 * @param {ReturnType<typeof import('./guest.js').createGuest> | undefined} guest
 */
export function createBackend(options, guest) {
  const { base, credentials, group, needsToken, token, user, userHash, userHashExpires } = options;

  return {
    /**
     * The current caller. The guest is looked up before any wait, because a logout forgets the guest at once.
     *
     * @param {boolean} mayBeNewGuest whether a visitor without an identity becomes a new guest
     * @returns {Promise<Caller>}
     */
    async identify(mayBeNewGuest) {
      let secret = guest?.recall();
      const bearer = typeof token === 'function' ? await token() : token;
      if (!bearer && user === undefined) {
        if (guest && mayBeNewGuest) secret ??= await lasting(guest.make);
        if (!secret && needsToken && !credentials) throw failure(true, 'unauthenticated', 'Nobody is logged in.');
      }
      return { bearer, secret };
    },

    /**
     * @param {string} operation
     * @param {Caller} caller
     * @param {AbortSignal} signal
     * @param {boolean} [isLogout]
     * @returns {Promise<any>} a `Held` token; for `invalidate`, whether a logout has revoked all tokens at LiveChat
     */
    async sendRequest(operation, { bearer, secret }, signal, isLogout) {
      const headers = new Headers();
      // A logout ends all groups.
      const url = await lasting(() => {
        for (const [name, value] of /** @type {[string, any][]} */ ([
          ['Authorization', bearer && `Bearer ${bearer}`],
          ['X-User-Hash', userHash],
          ['X-User-Hash-Expires', userHashExpires],
          ['X-Guest-Id', secret],
          ['Content-Type', isLogout && 'application/json'],
        ])) {
          if (value) headers.set(name, value);
        }
        return `${base}/${operation}${user === undefined ? '' : `/${encodeURIComponent(user)}`}${isLogout || group == null ? '' : `?group=${group}`}`;
      });
      // `keepalive`: after a logout, the page is often left at once.
      const init = { method: 'POST', headers, credentials, body: isLogout ? '{"logout":true}' : null, signal, keepalive: isLogout };
      const response = await fetch(url, init).catch((cause) => {
        throw failure(false, TEMPORARY, `Request failed: ${cause}.${corsHint(base)}`);
      });
      const body = await response.json().catch(() => {});
      if (!response.ok || body === undefined) throw refusal(response, body);
      // After a logout, the backend may still have to revoke tokens at LiveChat.
      return operation === 'invalidate' ? response.headers.get('X-Logout') === 'complete' : toHeld(body, operation, response);
    },
  };
}

/**
 * Browsers do not tell a page that CORS is the cause. If page and backend have the same origin, it is not. React Native has no `origin`.
 *
 * @param {string} base
 */
function corsHint(base) {
  const { document, location, origin } = globalThis;
  const isOther = location && new URL(base, document?.baseURI ?? location.href).origin !== origin;
  return isOther && origin !== 'null' ? ` Is the backend running, and is ${origin} in its ALLOWED_ORIGINS?` : '';
}

/**
 * Turns any failure of `work` into a permanent error. It would fail in the same way each time, so it must not count as a lost connection.
 *
 * @template T
 * @param {() => T | Promise<T>} work
 */
async function lasting(work) {
  try {
    return await work();
  } catch (/** @type {any} */ { message }) {
    throw failure(false, message, `No request: ${message}.`);
  }
}

/**
 * The error for an HTTP status, with the codes that LiveChat's clients know.
 *
 * @param {Response} response
 * @param {any} problem RFC 9457, if it is the backend's
 */
function refusal({ headers, ok, status }, problem) {
  const { code, detail = NOT_OURS, requestId, livechatCode } = problem ?? {};
  const isIdentity = [401, 403, 409, 410].includes(status);
  const isTemporary = ok || status === 429 || (status >= 500 && !livechatCode);
  const message = isTemporary ? TEMPORARY : (livechatCode ?? code ?? (isIdentity ? 'unauthenticated' : 'invalid_request'));
  return failure(isIdentity, message, detail, {
    requestId,
    status,
    waitMs: Math.min(1_000 * Number(headers.get('Retry-After')) || 0, LONGEST_WAIT_MS),
  });
}
