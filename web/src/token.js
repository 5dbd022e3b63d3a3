// The token that this page has.

import { failure, NOT_OURS, TEMPORARY } from './errors.js';
import { keep, recall } from './storage.js';

/** @typedef {import('../livechat-cip.d.ts').Token} Token */
/** @typedef {{ token: Token, issued: number }} Held `issued`: the creation date by LiveChat's clock, to tell which token is newer. */

const MINUTE_MS = 60_000;
/** LiveChat's SDK renews a token that has less than an hour left. */
const RENEW_BEFORE_MS = 65 * MINUTE_MS;

/**
 * @param {string | undefined} place the key in `sessionStorage`, if the token is stored there
 * @param {() => string | undefined} owner the user or guest of the token
 */
export function createTokenStore(place, owner) {
  const store = {
    /** @type {Held | undefined} */
    held: undefined,
    /** Grows when the token is dropped or replaced by a fresh one. The result of a request from before is then not stored. */
    changes: 0,
    /** Whether this page ever had one. */
    wasHeld: false,

    /** The token, if it has more time left than `marginMs`; by default, if it does not have to be renewed. */
    usable(marginMs = RENEW_BEFORE_MS) {
      if (!store.held && place) {
        const kept = recall('sessionStorage', place);
        if (kept?.owner === owner()) store.hold(kept?.held);
      }
      const token = store.held?.token;
      return token && token.creationDate + token.expiresIn - Date.now() > Math.min(marginMs, token.expiresIn / 4) ? token : undefined;
    },

    /** @param {Held | undefined} next */
    hold(next) {
      store.held = next;
      if (next) store.wasHeld = true;
      if (place) keep('sessionStorage', place, next && { owner: owner(), held: next });
    },

    /** @param {Held} [next] */
    replaceToken(next) {
      store.changes += 1;
      store.hold(next);
    },
  };
  return store;
}

/**
 * Whether `a` is a newer token of the same customer than `b`.
 *
 * @param {Held} a
 * @param {Held} b
 */
export const isNewer = (a, b) => a.token.entityId === b.token.entityId && a.issued > b.issued;

/**
 * A token with its creation date by this browser's clock. LiveChat's clients compare the date with this clock. If the clock is wrong by
 * hours, they would otherwise renew the token on every page, or never.
 *
 * @param {any} token
 * @param {string} operation
 * @param {Response} response
 * @returns {Held}
 */
export function toHeld(token, operation, response) {
  const { accessToken, creationDate: issued, entityId, expiresIn } = token ?? {};
  if (typeof accessToken !== 'string' || typeof entityId !== 'string' || !Number.isFinite(issued + expiresIn)) {
    throw failure(false, TEMPORARY, NOT_OURS, { status: response.status });
  }
  const now = Date.now();
  const date = Date.parse(response.headers.get('Date') ?? '');
  // If the header `Date` cannot be read, the creation date of a token that was just issued, or seems to be in the future, is the current time.
  const theirs = date || (operation === 'getFreshToken' || issued > now ? issued : now);
  const aheadMs = now - theirs;
  return { token: Math.abs(aheadMs) > MINUTE_MS ? { ...token, creationDate: issued + aheadMs } : token, issued };
}
