// When to try again, and when not: after failures that pass, after refusals, and when LiveChat takes no token.

const MINUTE_MS = 60_000;
/** The pause after the nth failure in a row is n times this: soon after a short outage, and slower and slower in a long one. */
const STEP_MS = 700;
const SHORTEST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = MINUTE_MS;
const LONGEST_REFUSAL_MIN = 5;
/** Fresh tokens that there may be at once. After these, one a minute. */
const MOST_FRESH = 5;

/** Nothing here waits longer, in ms: what seems to be further away is the work of a clock that was set back. */
const LONGEST_MS = 400_000;

/** @type {Set<() => void>} */
const sleepers = new Set();
/** How often the browser has come back online. Pauses from before that have ended. */
export let restarts = 0;
let listens = false;

/**
 * Whether a time is yet to come.
 *
 * @param {number} ms Unix time in ms
 */
export function isAhead(ms) {
  const leftMs = ms - Date.now();
  return leftMs > 0 && leftMs < LONGEST_MS;
}

/**
 * Ends early by `wake`: whoever sleeps looks why.
 *
 * @param {number} ms
 * @returns {Promise<void>}
 */
export const sleep = (ms) =>
  new Promise((done) => {
    if (!listens) {
      listens = true;
      globalThis.addEventListener?.('online', () => {
        restarts += 1;
        wake();
      });
    }
    sleepers.add(done);
    setTimeout(() => {
      sleepers.delete(done);
      done();
    }, ms);
  });

export function wake() {
  for (const done of sleepers) done();
  sleepers.clear();
}

/**
 * When to try again after the nth failure in a row; Unix time in ms. Counted from the beginning of that try, as a long time-out is a
 * pause already.
 *
 * @param {number} nth
 * @param {number} beganMs
 * @param {number} waitMs what the backend asks for
 */
export function retryMs(nth, beganMs, waitMs) {
  const spread = Math.random() / 4;
  const growing = beganMs + Math.min(nth * STEP_MS, LONGEST_PAUSE_MS) * (1 - spread);
  return Math.max(growing, Date.now() + SHORTEST_PAUSE_MS + waitMs * (1 + spread));
}

/**
 * How long a refused request is not repeated, in ms: 1 minute, then 2, 4 and 5.
 *
 * @param {number} nth in a row, from 0 on
 */
export const refusedMs = (nth) => Math.min(2 ** nth, LONGEST_REFUSAL_MIN) * MINUTE_MS;

/**
 * A LiveChat that takes no token would have a fresh one every few seconds, without end.
 *
 * @returns {() => number} counts one more fresh token, and tells when it may be requested; Unix time in ms
 */
export function createBrake() {
  // When all that was counted has been worked off.
  let emptyMs = 0;
  return () => {
    emptyMs = Math.max(emptyMs, Date.now()) + MINUTE_MS;
    return emptyMs - MOST_FRESH * MINUTE_MS;
  };
}
