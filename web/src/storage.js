// What the browser keeps for pages, where it does. Browsers refuse it in many ways: with cookies blocked, in frames of other sites, in
// private windows, when it is full; outside of browsers there is none. Then it is kept for this page.

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
    // As if there were nothing.
  }
  return kept ?? ofThisPage.get(storage + place);
}

/**
 * @param {'localStorage' | 'sessionStorage'} storage
 * @param {string} place
 * @param {unknown} [value] nothing: forget
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
 * Does something in one tab at a time. Where there are no locks (pages without https, cookies blocked in Chromium), each tab for itself.
 *
 * @template T
 * @param {string} name
 * @param {() => T | Promise<T>} work done again if it fails
 * @returns {Promise<T>}
 */
export async function locked(name, work) {
  try {
    return await navigator.locks.request(name, work);
  } catch {
    return work();
  }
}
