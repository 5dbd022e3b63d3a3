// The pauses before retries: after temporary failures, after refusals, and when LiveChat accepts no token.

const MINUTE_MS = 60_000;
/** The pause after the nth failure in a row is n times this, so that retries are soon after a short outage, and rare in a long one. */
const STEP_MS = 700;
const SHORTEST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = MINUTE_MS;
const LONGEST_REFUSAL_MIN = 5;
/** The number of fresh tokens without a pause. After these, there is one per minute. */
const MOST_FRESH = 5;

/** The longest possible wait, in ms. If a time is further away, the clock was set back, and there is no wait. */
const LONGEST_MS = 400_000;

/** @type {Set<() => void>} */
const sleepers = new Set();
/** How often the browser has come back online. This ends all pauses that began before. */
export let restarts = 0;
let listens = false;

/**
 * Whether a time is in the future.
 *
 * @param {number} ms Unix time in ms
 */
export function isAhead(ms) {
  const leftMs = ms - Date.now();
  return leftMs > 0 && leftMs < LONGEST_MS;
}

/**
 * Waits, or ends early when `wake` is called. The caller then checks the reason.
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
 * The time of the next attempt after the nth failure in a row; Unix time in ms. The pause starts with the failed attempt, because a long
 * time-out is already a pause.
 *
 * @param {number} nth
 * @param {number} beganMs
 * @param {number} waitMs the backend's `Retry-After`
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
 * Limits the rate of fresh tokens. Otherwise, if LiveChat accepts no token, its clients would request a fresh one every few seconds, endlessly.
 *
 * @returns {() => number} counts a fresh token, and returns when it may be requested; Unix time in ms
 */
export function createBrake() {
  // The time from which the whole limit is available again.
  let emptyMs = 0;
  return () => {
    emptyMs = Math.max(emptyMs, Date.now()) + MINUTE_MS;
    return emptyMs - MOST_FRESH * MINUTE_MS;
  };
}
