// The secret that stands for a visitor who is not logged in.

import { keep, locked, recall } from './storage.js';

/** @param {string} place where it is kept in `localStorage`; pages with the same place have the same guest */
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

    /** Two tabs of a first visit make one guest. */
    make: () =>
      locked(place, () => {
        const known = recallSecret();
        if (known) return known;
        secret = randomSecret();
        keep('localStorage', place, secret);
        // Before the next tab may look: browsers take a moment to bring what is kept from one process to the other.
        return new Promise((/** @type {(secret: any) => void} */ done) => setTimeout(done, 50, secret));
      }),

    /** @param {string} [former] only that one: another tab may have made a new one since */
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
