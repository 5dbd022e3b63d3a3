// The secret of a guest: a visitor who is not logged in.

import { keep, locked, recall } from './storage.js';

/** @param {string} place the key in `localStorage`; pages with the same key have the same guest */
export function createGuest(place) {
  /** @type {string | undefined} */
  let secret;

  function recallSecret() {
    const kept = secret ?? recall('localStorage', place);
    secret = /^[\w-]{43}$/.test(kept) ? kept : undefined;
    return secret;
  }

  return {
    recall: recallSecret,

    /** Creates a guest. Two tabs of a first visit create the same guest. */
    make: () =>
      locked(place, () => {
        const known = recallSecret();
        if (known) return known;
        secret = randomSecret();
        keep('localStorage', place, secret);
        // The lock is held for a moment, because browsers take some time to pass stored values from one process to another.
        return new Promise((/** @type {(secret: any) => void} */ done) => setTimeout(done, 50, secret));
      }),

    /** @param {string} [former] forget only this secret: another tab may have created a new one since */
    forgetSecret(former) {
      if (!former || recall('localStorage', place) === former) keep('localStorage', place);
      if (!former || secret === former) secret = undefined;
    },
  };
}

/** 215 random bits. */
function randomSecret() {
  return Array.from(crypto.getRandomValues(new Uint8Array(43)), (byte) => (byte & 31).toString(32)).join('');
}
