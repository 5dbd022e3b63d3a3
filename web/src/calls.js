// Calls of the backend: a single call, and a call with retries.

import { failure, IDENTITY, loggedOut, OAUTH, TEMPORARY } from './errors.js';
import { createBrake, isAhead, refusedMs, restarts, retryMs, sleep } from './retry.js';

/** @typedef {import('./token.js').Held} Held */

/** How long a client waits for a fresh token before it gets the token of the page. Also the time in which a page may renew its session. */
export const PATIENCE_MS = 20_000;
const LOOK_EVERY_MS = 2_000;
/** The number of new sessions in a row that are tried at once after a refusal. */
const MOST_SESSIONS = 3;
/** A token with less time left counts as expired. */
export const MINUTE_MS = 60_000;
const GUEST_GONE = 'guest_gone';

/**
 * @param {ReturnType<typeof import('./options.js').readOptions>} options
 * @param {ReturnType<typeof import('./backend.js').createBackend>} backend
 * @param {ReturnType<typeof import('./guest.js').createGuest> | undefined} guest
 * @param {ReturnType<typeof import('./token.js').createTokenStore>} token
 * @param {ReturnType<typeof import('./tabs.js').createTabs>} tabs
 * @param {() => void} leavePage removes the chat from the page
 */
export function createCalls({ needsToken, timeout }, { identify, sendRequest }, guest, token, tabs, leavePage) {
  const brake = createBrake();
  /** The number of temporary failures in a row, the time of the next attempt (Unix time in ms), and the value of `restarts` at the last failure. */
  let failures = 0;
  let pauseEndsMs = 0;
  let seen = 0;
  /** The latest refusal, the credential that was refused, and the time until which it is not sent again (Unix time in ms). */
  let refusal = loggedOut();
  let refusedAs = '';
  let refusedUntilMs = 0;
  /** The number of refusals in a row, and the number of different sessions that were refused. */
  let refusals = 0;
  let sessions = 0;
  /** The time until which the page may renew its session; Unix time in ms. */
  let graceEndsMs = 0;

  /**
   * The value that tells one caller from another. A session cookie is not visible to a page.
   *
   * @param {import('./backend.js').Caller} caller
   */
  const credentialOf = ({ bearer, secret }) => bearer || secret || '';

  return { callOnce, callUntilDone };

  /**
   * Makes one request, within the time-out. If it would be refused again, throws the former refusal without a request.
   *
   * @param {string} operation
   * @param {boolean} [isLogout]
   */
  async function callOnce(operation, isLogout) {
    const began = Date.now();
    const controller = new AbortController();
    let credential = '';
    const late = new Promise((_, reject) =>
      setTimeout(() => {
        reject(failure(false, TEMPORARY, `No response in ${timeout} ms.`));
        controller.abort();
      }, timeout),
    );
    const work = async () => {
      const caller = await identify(!isLogout);
      credential = credentialOf(caller);
      if (!isLogout) {
        if (tabs.isEnded) throw loggedOut();
        // A new session is tried at once. But some pages have a new token for each request, so their number is limited.
        if ((refusedAs === credential || sessions > MOST_SESSIONS) && isAhead(refusedUntilMs)) throw refusal;
      }
      return sendRequest(operation, caller, controller.signal, isLogout);
    };
    try {
      const result = await Promise.race([work(), late]);
      failures = pauseEndsMs = refusals = sessions = graceEndsMs = 0;
      return result;
    } catch (/** @type {any} */ cause) {
      const error = /^SSO_/.test(cause?.code) ? cause : failure(false, TEMPORARY, `Request failed: ${cause}.`);
      const { code, detail, message, requestId, status, waitMs = 0 } = error;
      // If the session has ended, the token is dropped too. Otherwise the SDK would use it, and request a fresh one, endlessly.
      if (code === IDENTITY) token.replaceToken();
      // This guest became a user, who is no longer logged in.
      if (message === GUEST_GONE) guest?.forgetSecret(credential);
      if (message === TEMPORARY) {
        failures = seen === restarts ? failures + 1 : 1;
        seen = restarts;
        pauseEndsMs = retryMs(failures, began, waitMs);
      } else {
        if (error === refusal) throw error;
        refusedUntilMs = 0;
        if (status) {
          refusedUntilMs = Date.now() + Math.max(refusedMs(refusals), waitMs);
          refusals += 1;
          if (refusedAs !== credential) sessions += 1;
        }
        refusedAs = credential;
        refusal = error;
      }
      if (status || code === OAUTH) {
        console.warn(['livechat-cip', operation, detail, status, requestId].filter(Boolean).join(': '));
      }
      throw error;
    }
  }

  /**
   * Like `callOnce`, but retries after temporary failures. It rejects only with permanent errors, and after a logout.
   *
   * @param {string} operation
   */
  async function callUntilDone(operation) {
    const isGet = operation === 'getToken';
    let mayBeNewGuest = guest;
    /** @type {any} */
    let error;
    if (operation === 'getFreshToken') {
      const endsMs = brake();
      await until(() => endsMs);
    }
    for (;;) {
      // Another tab may have sent a token. In an outage, a token that should be renewed is still used.
      const atHand = isGet && token.usable(failures ? MINUTE_MS : undefined);
      if (atHand) return atHand;
      await until(() => (seen === restarts ? pauseEndsMs : 0));
      if (tabs.isEnded) throw loggedOut();
      // A provider that was replaced does not retry.
      if (error && tabs.isReplaced) throw error;
      const before = token.changes;
      try {
        const next = await callOnce(operation);
        // An invalidate also drops a token that was received during this call.
        if (!tabs.isEnded) return operation === 'invalidate' ? token.replaceToken() : keep(next, isGet, before);
      } catch (cause) {
        error = cause;
        const { code, message } = error;
        if (message === GUEST_GONE) {
          if (!mayBeNewGuest) throw error;
          mayBeNewGuest = undefined;
        } else if (message !== TEMPORARY && (code !== IDENTITY || !(await isSessionRenewed()))) throw error;
      }
    }
  }

  /**
   * @param {Held} next
   * @param {boolean} isGet
   * @param {number} before
   */
  function keep(next, isGet, before) {
    // The token was dropped or replaced during the call.
    if (before !== token.changes) return ((isGet && token.held) || next).token;
    if (isGet) token.hold(next);
    else token.replaceToken(next);
    tabs.shareToken(next);
    return next.token;
  }

  /** After a refusal, a page that had a token has some time to get a new session. Without one, the chat is removed from the page. */
  async function isSessionRenewed() {
    graceEndsMs ||= Date.now() + PATIENCE_MS;
    while (token.wasHeld && isAhead(graceEndsMs)) {
      const look = identify(false).then(credentialOf, () => refusedAs);
      const nextMs = Date.now() + LOOK_EVERY_MS;
      const halfMs = graceEndsMs - PATIENCE_MS / 2;
      const isFirstHalf = isAhead(halfMs);
      await until(() => nextMs);
      // The page's function `token` may take longer than the pause.
      const credential = await Promise.race([look, until(() => graceEndsMs)]);
      if (tabs.isEnded || tabs.isReplaced) return false;
      if ((credential ?? refusedAs) !== refusedAs) return true;
      // A session cookie is not visible here, so the request is sent once more.
      if (!needsToken && isFirstHalf && !isAhead(halfMs)) {
        refusedUntilMs = 0;
        return true;
      }
    }
    // Later, so that the client gets the refusal first.
    if (token.wasHeld) setTimeout(() => tabs.isEnded || tabs.isReplaced || leavePage());
    token.wasHeld = false;
    return false;
  }

  /** @param {() => number} endsMs may change during the wait */
  async function until(endsMs) {
    while (!tabs.isEnded && !tabs.isReplaced && isAhead(endsMs())) await sleep(endsMs() - Date.now());
  }
}
