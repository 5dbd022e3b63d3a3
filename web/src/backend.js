// Requests to the backend: who is calling, what is asked for, and what the response means.

import { failure, NOT_OURS, TEMPORARY } from './errors.js';
import { toHeld } from './token.js';

/** The longest that a `Retry-After` is heeded. */
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
     * Who is calling right now. The guest is looked up before anything is waited for, as a logout forgets the guest at once.
     *
     * @param {boolean} mayBeNewGuest whoever is nobody yet becomes a guest
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
     * @returns {Promise<any>} a `Held` token; of `invalidate` whether LiveChat has been told, if it had to be
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
      // Often, another page follows a logout.
      const init = { method: 'POST', headers, credentials, body: isLogout ? '{"logout":true}' : null, signal, keepalive: isLogout };
      const response = await fetch(url, init);
      const answer = await response.json().catch(() => {});
      if (!response.ok || answer === undefined) throw refusal(response, answer);
      // After a logout, LiveChat may still have to be told.
      return operation === 'invalidate' ? response.headers.get('X-Logout') === 'complete' : toHeld(answer, operation, response);
    },
  };
}

/**
 * What fails here, fails the same way each time: not to be taken for a lost connection.
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
 * What an HTTP error means, in the words of LiveChat's clients.
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
