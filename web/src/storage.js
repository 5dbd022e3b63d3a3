// The browser's storage. Browsers may refuse it: if cookies are blocked, in frames of other sites, in private windows, or if it is full. Outside
// of browsers there is none. Then values are stored for this page only.

/** @type {Map<string, unknown>} */
const ofThisPage = new Map();

/**
 * @param {'localStorage' | 'sessionStorage'} storage
 * @param {string} place
 * @returns {any}
 */
export function recall(storage, place) {
  let kept;
  try {
    kept = JSON.parse(globalThis[storage].getItem(place) ?? 'null');
  } catch {
    // Counts as an empty storage.
  }
  return kept ?? ofThisPage.get(storage + place);
}

/**
 * @param {'localStorage' | 'sessionStorage'} storage
 * @param {string} place
 * @param {unknown} [value] undefined removes the stored value
 */
export function keep(storage, place, value) {
  ofThisPage.delete(storage + place);
  try {
    if (value === undefined) globalThis[storage].removeItem(place);
    else globalThis[storage].setItem(place, JSON.stringify(value));
  } catch {
    if (value !== undefined) ofThisPage.set(storage + place, value);
  }
}

/**
 * Runs `work` in one tab at a time. Without locks (pages without https, blocked cookies in Chromium), several tabs may run it together.
 *
 * @template T
 * @param {string} name
 * @param {() => T | Promise<T>} work is run again if it fails
 * @returns {Promise<T>}
 */
export async function locked(name, work) {
  try {
    return await navigator.locks.request(name, work);
  } catch {
    return work();
  }
}
