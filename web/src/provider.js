// The four functions that LiveChat's widget and SDK call. Options, results and errors are described in livechat-cip.d.ts.

import { createBackend } from './backend.js';
import { failure, IDENTITY, loggedOut, OAUTH, TEMPORARY } from './errors.js';
import { createGuest } from './guest.js';
import { readOptions } from './options.js';
import { quiet } from './quiet.js';
import { createBrake, refusedMs, retryMs, sleep, wake } from './retry.js';
import { createTabs } from './tabs.js';
import { createTokenStore, isNewer } from './token.js';

/** How long a client waits for a fresh token before it is given the one at hand. */
const PATIENCE_MS = 20_000;
/** After a refusal, how often it is looked whether the page has a new session. */
const MOST_LOOKS = 10;
const LOOK_EVERY_MS = 2_000;
/** How many sessions in a row are tried at once after a refusal. */
const MOST_SESSIONS = 3;
/** A token with so little left is as good as expired. */
const MINUTE_MS = 60_000;
const MESSAGE_MS = 100;
const GUEST_GONE = 'guest_gone';

/** @typedef {import('./token.js').Held} Held */

/** @type {typeof import('../livechat-cip.d.ts').createIdentityProvider} */
export function createIdentityProvider(given) {
  const options = readOptions(given);
  const { base, cache, group, onLogout, scope, timeout, user } = options;
  const place = `livechat-cip:${scope}`;
  const identity = `${place}:${base}:${group ?? ''}`;
  const guest = options.guest ? createGuest(place) : undefined;
  const token = createTokenStore(cache === 'session' ? identity : undefined, () => user ?? guest?.recall());
  const { identify, request } = createBackend(options, guest);
  const brake = createBrake();
  const tabs = createTabs(place, base, identity, ({ logout, held }) => {
    if (logout) end();
    else if (held && token.held && isNewer(held, token.held)) token.replace(held);
  });

  let ended = false;
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
  /** @type {Record<string, Promise<any> | undefined>} */
  const running = {};

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
        reject(failure(false, TEMPORARY, `No response came within ${timeout} ms.`));
        controller.abort();
      }, timeout);
    });
    const work = async () => {
      const caller = await identify(!isLogout && !ended);
      credential = credentialOf(caller);
      if (!isLogout) {
        if (ended) throw loggedOut();
        // A new session is tried at once; but some pages have a new token for each request.
        if ((refusedAs === credential || refusals > MOST_SESSIONS) && Date.now() < refusedUntilMs) throw refusal;
      }
      return request(operation, caller, controller.signal, isLogout);
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
        if (!ended) return operation === 'invalidate' ? token.replace() : keep(next, isGet, before);
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
    while (token.wasHeld && looks < MOST_LOOKS && !ended && !tabs.isReplaced) {
      const now = identify(false).catch(() => {});
      await sleep(LOOK_EVERY_MS);
      looks += 1;
      const caller = await Promise.race([now, undefined]);
      if (caller && credentialOf(caller) !== refusedAs) return true;
      // A session cookie cannot be seen from here.
      if (looks === MOST_LOOKS / 2 && !options.needsToken) {
        refusedUntilMs = 0;
        return true;
      }
    }
    // Once the client has heard of the refusal.
    if (token.wasHeld) setTimeout(() => ended || tabs.isReplaced || leavePage());
    token.wasHeld = false;
    return false;
  }

  /** @param {() => number} endsMs may change meanwhile */
  async function until(endsMs) {
    while (!ended && Date.now() < endsMs()) await sleep(endsMs() - Date.now());
  }

  async function applyBrake() {
    const endsMs = brake();
    if (Date.now() < endsMs) console.warn('livechat-cip: LiveChat refuses every token. Waiting.');
    await until(() => endsMs);
  }

  /**
   * Whoever asks again while it runs, waits for the same.
   *
   * @param {string} operation
   * @returns {Promise<any>}
   */
  const once = (operation) =>
    (running[operation] ??= quiet(
      insist(operation).finally(() => {
        running[operation] = undefined;
      }),
    ));

  // ---- the operations

  /** @type {import('../livechat-cip.d.ts').IdentityProvider} */
  const functions = {
    getToken() {
      // What follows an invalidate is a getFreshToken, which takes the widget a message there and back.
      if (running.invalidate) return running.invalidate.catch(() => {}).then(() => sleep(MESSAGE_MS).then(functions.getToken));
      // Whoever requests a fresh one has been told that the one at hand is no good, or fears so. In an outage it is all there is.
      if (running.getFreshToken) return orAtHand(running.getFreshToken);
      const atHand = token.usable();
      return atHand ? Promise.resolve(atHand) : once('getToken');
    },
    getFreshToken: () => once('getFreshToken'),
    hasToken: async () => !!token.usable(),
    invalidate() {
      token.replace();
      return ended ? Promise.resolve() : once('invalidate');
    },
  };

  /** @param {Promise<any>} fresh */
  const orAtHand = (fresh) =>
    quiet(Promise.race([fresh, new Promise((done) => setTimeout(done, PATIENCE_MS)).then(() => token.usable(MINUTE_MS) ?? fresh)]));

  // ---- the end

  function leavePage() {
    try {
      // By default, the widget of the tracking code and of the adapters goes.
      (onLogout ?? (() => /** @type {any} */ (globalThis).LiveChatWidget?.call('destroy')))();
    } catch (error) {
      console.error(error);
    }
  }

  function end() {
    ended = true;
    token.replace();
    tabs.leave();
    wake();
    leavePage();
  }

  async function logout() {
    if (ended) return true;
    const told = call('invalidate', true);
    tabs.endAll();
    guest?.forget(guest.recall());
    end();
    return told.then(
      () => true,
      (error) => !error.status && error.message === 'unauthenticated',
    );
  }

  return Object.assign(
    () => {
      tabs.join();
      return functions;
    },
    { logout },
  );
}
