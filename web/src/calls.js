// Calls of the backend: one, and as many as it takes.

import { failure, IDENTITY, loggedOut, OAUTH, TEMPORARY } from './errors.js';
import { createBrake, isAhead, refusedMs, restarts, retryMs, sleep } from './retry.js';

/** @typedef {import('./token.js').Held} Held */

/** How long a client waits for a fresh token before it is given the one at hand, and a page may take to renew its session. */
export const PATIENCE_MS = 20_000;
const LOOK_EVERY_MS = 2_000;
/** How many sessions in a row are tried at once after a refusal. */
const MOST_SESSIONS = 3;
/** A token with so little left is as good as expired. */
export const MINUTE_MS = 60_000;
const GUEST_GONE = 'guest_gone';

/**
 * @param {ReturnType<typeof import('./options.js').readOptions>} options
 * @param {ReturnType<typeof import('./backend.js').createBackend>} backend
 * @param {ReturnType<typeof import('./guest.js').createGuest> | undefined} guest
 * @param {ReturnType<typeof import('./token.js').createTokenStore>} token
 * @param {ReturnType<typeof import('./tabs.js').createTabs>} tabs
 * @param {() => void} leavePage takes the chat off the page
 */
export function createCalls({ needsToken, timeout }, { identify, sendRequest }, guest, token, tabs, leavePage) {
  const brake = createBrake();
  /** Failures in a row that may pass by themselves, when to try again (Unix time in ms), and the restarts until then. */
  let failures = 0;
  let pauseEndsMs = 0;
  let seen = 0;
  /** What was refused last, to whom, and until when it is not asked for again; Unix time in ms. */
  let refusal = loggedOut();
  let refusedAs = '';
  let refusedUntilMs = 0;
  /** How often in a row, and to how many sessions. */
  let refusals = 0;
  let sessions = 0;
  /** Until when the page may renew its session. */
  let graceEndsMs = 0;

  /**
   * All that tells one caller from another, as far as a page can see.
   *
   * @param {import('./backend.js').Caller} caller
   */
  const credentialOf = ({ bearer, secret }) => bearer || secret || '';

  return { callOnce, insist };

  /**
   * One request, within the time-out, and not if it would be refused again.
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
        // A new session is tried at once; but some pages have a new token for each request.
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
      // If the session has ended, the token has too: else the SDK would try with it, and request a fresh one, without end.
      if (code === IDENTITY) token.replaceToken();
      // This guest became a user, who is not logged in any more.
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
   * The same, with retries: rejects only with permanent errors, and after a logout.
   *
   * @param {string} operation
   */
  async function insist(operation) {
    const isGet = operation === 'getToken';
    let mayBeNewGuest = guest;
    /** @type {any} */
    let error;
    if (operation === 'getFreshToken') {
      const endsMs = brake();
      await until(() => endsMs);
    }
    for (;;) {
      // It may have come from another tab; and an outage may outlast the time in which a token is renewed.
      const atHand = isGet && token.usable(failures ? MINUTE_MS : undefined);
      if (atHand) return atHand;
      await until(() => (seen === restarts ? pauseEndsMs : 0));
      if (tabs.isEnded) throw loggedOut();
      // A provider that was replaced does not try again.
      if (error && tabs.isReplaced) throw error;
      const before = token.changes;
      try {
        const next = await callOnce(operation);
        // After an invalidate, what the backend returned meanwhile is not kept either.
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
    // The token was dropped or replaced meanwhile.
    if (before !== token.changes) return ((isGet && token.held) || next).token;
    if (isGet) token.hold(next);
    else token.replaceToken(next);
    tabs.shareToken(next);
    return next.token;
  }

  /** After a refusal, a page that had a token may get a new session for a while. Then the chat leaves the page. */
  async function isSessionRenewed() {
    graceEndsMs ||= Date.now() + PATIENCE_MS;
    while (token.wasHeld && isAhead(graceEndsMs)) {
      const look = identify(false).then(credentialOf, () => refusedAs);
      const nextMs = Date.now() + LOOK_EVERY_MS;
      const halfMs = graceEndsMs - PATIENCE_MS / 2;
      const isFirstHalf = isAhead(halfMs);
      await until(() => nextMs);
      // However long the page takes to say who is logged in.
      const credential = await Promise.race([look, until(() => graceEndsMs)]);
      if (tabs.isEnded || tabs.isReplaced) return false;
      if ((credential ?? refusedAs) !== refusedAs) return true;
      // A session cookie cannot be seen from here.
      if (!needsToken && isFirstHalf && !isAhead(halfMs)) {
        refusedUntilMs = 0;
        return true;
      }
    }
    // Once the client has heard of the refusal.
    if (token.wasHeld) setTimeout(() => tabs.isEnded || tabs.isReplaced || leavePage());
    token.wasHeld = false;
    return false;
  }

  /** @param {() => number} endsMs may change meanwhile */
  async function until(endsMs) {
    while (!tabs.isEnded && !tabs.isReplaced && isAhead(endsMs())) await sleep(endsMs() - Date.now());
  }
}
