// Messages between the tabs of one browser: a newer token, or a logout.

import { wake } from './retry.js';

/** @typedef {import('./token.js').Held} Held */
/** @typedef {{ logout?: true, held?: Held }} Message */

/**
 * For each identity on this page, a function that stops its latest provider from listening.
 *
 * @type {Map<string, () => void>}
 */
const listening = new Map();

/**
 * @param {string} place
 * @param {string} base tabs with the same place and backend exchange messages
 * @param {string} identity if several providers on this page have the same identity, only the latest gets messages
 * @param {(message: Message) => void} hear
 */
export function createTabs(place, base, identity, hear) {
  let joined = false;
  /** @type {BroadcastChannel | undefined} */
  let channel;

  const tabs = {
    /** Whether the user has logged out, here or in another tab. */
    isEnded: false,
    /** Whether another provider has replaced this one on the page. */
    isReplaced: false,

    /** Called when the functions are used first, so that nothing happens on a server that renders the page. */
    joinTabs() {
      if (joined) return;
      joined = true;
      channel = open();
      if (channel) channel.onmessage = ({ data }) => hear(data);
      // After a login or logout the page has a new provider. The former one no longer reacts to logouts in other tabs.
      listening.get(identity)?.();
      listening.set(identity, () => {
        tabs.isReplaced = true;
        tabs.leave();
        wake();
      });
    },

    leave() {
      joined = true;
      channel?.close();
      channel = undefined;
    },

    /** @param {Held} held */
    shareToken(held) {
      channel?.postMessage({ held });
    },

    /** Tells all tabs about a logout, and other providers on this page. */
    endAll() {
      const others = open();
      others?.postMessage({ logout: true });
      others?.close();
    },
  };
  return tabs;

  function open() {
    try {
      // Without a document there are no tabs, and this throws: in Node, an open channel would keep the process from ending. Firefox throws
      // too if cookies are blocked.
      return new BroadcastChannel(`${place}:${new URL(base, document.baseURI)}`);
    } catch {
      return undefined;
    }
  }
}
