// Calls of the backend: one, and as many as it takes.

import { failure, IDENTITY, loggedOut, OAUTH, TEMPORARY } from './errors.js';
import { createBrake, refusedMs, retryMs, sleep, wake } from './retry.js';

/** @typedef {import('./token.js').Held} Held */

/** After a refusal, how often it is looked whether the page has a new session. */
const MOST_LOOKS = 10;
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
export function createCalls({ needsToken, timeout }, { identify, send }, guest, token, tabs, leavePage) {
  const brake = createBrake();
  /** Failures in a row that may pass by themselves, and when to try again; Unix time in ms. */
  let failures = 0;
  let pauseEndsMs = 0;
  /** What was refused last, to whom, how often in a row, and until when it is not asked for again; Unix time in ms. */
  let refusal = loggedOut();
  let refusedAs = '';
  let refusals = 0;
  let refusedUntilMs = 0;
  /** How often it was looked since whether the page has a new session. */
  let looks = 0;
  globalThis.addEventListener?.('online', () => {
    failures = pauseEndsMs = 0;
    wake();
  });

  /**
   * All that tells one caller from another, as far as a page can see.
   *
   * @param {import('./backend.js').Caller} caller
   */
  const credentialOf = ({ bearer, secret }) => bearer ?? secret ?? '';

  return { call, insist };

  /**
   * One request, within the time-out, and not if it would be refused again.
   *
   * @param {string} operation
   * @param {boolean} [isLogout]
   */
  async function call(operation, isLogout) {
    const began = Date.now();
    const controller = new AbortController();
    let credential = '';
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => {
        reject(failure(false, TEMPORARY, `No response within ${timeout} ms.`));
        controller.abort();
      }, timeout);
    });
    const work = async () => {
      const caller = await identify(!isLogout && !tabs.isEnded);
      credential = credentialOf(caller);
      if (!isLogout) {
        if (tabs.isEnded) throw loggedOut();
        // A new session is tried at once; but some pages have a new token for each request.
        if ((refusedAs === credential || refusals > MOST_SESSIONS) && Date.now() < refusedUntilMs) throw refusal;
      }
      return send(operation, caller, controller.signal, isLogout);
    };
    try {
      const result = await Promise.race([work(), late]).finally(() => clearTimeout(timer));
      failures = refusals = looks = pauseEndsMs = 0;
      return result;
    } catch (/** @type {any} */ cause) {
      const error = /^SSO_/.test(cause?.code) ? cause : failure(false, TEMPORARY, `The request failed: ${cause?.message ?? cause}.`);
      const { code, detail, message, requestId, status, waitMs = 0 } = error;
      // If the session has ended, the token has too: else the SDK would try with it, and request a fresh one, without end.
      if (code === IDENTITY) token.replace();
      // This guest became a user, who is not logged in any more.
      if (message === GUEST_GONE) guest?.forget(credential);
      if (message === TEMPORARY) {
        failures += 1;
        pauseEndsMs = retryMs(failures, began, waitMs);
      } else {
        if (error === refusal) throw error;
        refusedUntilMs = status ? Date.now() + Math.max(refusedMs(refusals), waitMs) : 0;
        refusedAs = credential;
        refusals += 1;
        refusal = error;
      }
      if (status || code === OAUTH) {
        console.warn(`livechat-cip: ${operation}: ${detail}${status ? ` (${status}${requestId ? `, requestId ${requestId}` : ''})` : ''}`);
      }
      throw error;
    }
  }

  /**
   * The same, however long it takes: rejects only with what does not pass by itself, and after a logout.
   *
   * @param {string} operation
   */
  async function insist(operation) {
    const isGet = operation === 'getToken';
    let mayBeNewGuest = guest;
    if (operation === 'getFreshToken') await applyBrake();
    for (;;) {
      // It may have come from another tab; and an outage may outlast the time in which a token is renewed.
      const atHand = isGet && token.usable(failures ? MINUTE_MS : undefined);
      if (atHand) return atHand;
      await until(() => pauseEndsMs);
      const before = token.changes;
      try {
        const next = await call(operation);
        // Nor is it kept what the backend returned meanwhile.
        if (!tabs.isEnded) return operation === 'invalidate' ? token.replace() : keep(next, isGet, before);
      } catch (/** @type {any} */ error) {
        const { code, message } = error;
        if (message === GUEST_GONE && mayBeNewGuest) mayBeNewGuest = undefined;
        else if (tabs.isReplaced || (message !== TEMPORARY && (code !== IDENTITY || message === GUEST_GONE || !(await isSessionRenewed()))))
          throw error;
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
    else token.replace(next);
    tabs.share(next);
    return next.token;
  }

  /** After a refusal, a page that had a token may get a new session for a while. Then the chat leaves the page. */
  async function isSessionRenewed() {
    while (token.wasHeld && looks < MOST_LOOKS && !tabs.isEnded && !tabs.isReplaced) {
      const now = identify(false).catch(() => {});
      await sleep(LOOK_EVERY_MS);
      looks += 1;
      const caller = await Promise.race([now, undefined]);
      if (caller && credentialOf(caller) !== refusedAs) return true;
      // A session cookie cannot be seen from here.
      if (looks === MOST_LOOKS / 2 && !needsToken) {
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
    while (!tabs.isEnded && Date.now() < endsMs()) await sleep(endsMs() - Date.now());
  }

  async function applyBrake() {
    const endsMs = brake();
    if (Date.now() < endsMs) console.warn('livechat-cip: LiveChat refuses every token.');
    await until(() => endsMs);
  }
}
