// What the tabs of one browser tell each other: a newer token, and that the user has logged out.

import { wake } from './retry.js';

/** @typedef {import('./token.js').Held} Held */
/** @typedef {{ logout?: true, held?: Held }} Message */

/**
 * For each identity on this page, how its latest provider stops listening.
 *
 * @type {Map<string, () => void>}
 */
const listening = new Map();

/**
 * @param {string} place
 * @param {string} base tabs with the same place and backend hear each other
 * @param {string} identity of the providers of one identity on this page, the latest hears the others
 * @param {(message: Message) => void} hear
 */
export function createTabs(place, base, identity, hear) {
  let joined = false;
  /** @type {BroadcastChannel | undefined} */
  let channel;

  const tabs = {
    /** Whether the user has logged out, here or in another tab. */
    isEnded: false,
    /** Whether another provider has taken this one's place on the page. */
    isReplaced: false,

    /** Not before somebody asks for the functions: a server that renders the page has no tabs. */
    joinTabs() {
      if (joined) return;
      joined = true;
      channel = open();
      if (channel) channel.onmessage = ({ data }) => hear(data);
      // The page has logged somebody in or out. What the former provider would do at the next logout is not its business any more.
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

    /** Also to providers on this page. */
    endAll() {
      const others = open();
      others?.postMessage({ logout: true });
      others?.close();
    },
  };
  return tabs;

  function open() {
    try {
      // Where there is no document, there are no tabs, and in Node an open channel would keep the process from ending. With cookies
      // blocked, Firefox throws.
      return new BroadcastChannel(`${place}:${new URL(base, document.baseURI)}`);
    } catch {
      return undefined;
    }
  }
}
