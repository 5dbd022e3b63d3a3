// The four functions that LiveChat's widget and SDK call. Options, results and errors are described in livechat-cip.d.ts.

import { createBackend } from './backend.js';
import { createCalls, MINUTE_MS, PATIENCE_MS } from './calls.js';
import { createGuest } from './guest.js';
import { readOptions } from './options.js';
import { quiet } from './quiet.js';
import { sleep, wake } from './retry.js';
import { createTabs } from './tabs.js';
import { createTokenStore, isNewer } from './token.js';

/** The time in which a message gets to the widget's frame and back, in ms. */
const MESSAGE_MS = 100;

/** @type {typeof import('../livechat-cip.d.ts').createIdentityProvider} */
export function createIdentityProvider(given) {
  const options = readOptions(given);
  const { base, cache, group, onLogout, scope, user } = options;
  const place = `livechat-cip:${scope}`;
  const identity = `${place}:${base}:${group ?? ''}`;
  const guest = options.guest ? createGuest(place) : undefined;
  const token = createTokenStore(cache === 'session' ? identity : undefined, () => user ?? guest?.recall());
  const tabs = createTabs(place, base, identity, ({ logout, held }) => {
    if (logout) end();
    else if (held && token.held && isNewer(held, token.held)) token.replaceToken(held);
  });

  const { callOnce, callUntilDone } = createCalls(options, createBackend(options, guest), guest, token, tabs, leavePage);
  /** @type {Record<string, Promise<any> | undefined>} */
  const running = {};

  /**
   * A call that starts while the same operation is running gets the same promise.
   *
   * @param {string} operation
   * @returns {Promise<any>}
   */
  const once = (operation) =>
    (running[operation] ??= quiet(
      callUntilDone(operation).finally(() => {
        running[operation] = undefined;
      }),
    ));

  // ---- the operations

  /** @type {import('../livechat-cip.d.ts').IdentityProvider} */
  const functions = {
    getToken() {
      // After an invalidate, the widget calls getFreshToken, one message round trip later.
      if (running.invalidate) return running.invalidate.catch(() => {}).then(() => sleep(MESSAGE_MS).then(functions.getToken));
      // During a getFreshToken, the token of the page is probably refused by LiveChat. In an outage, it is returned after `PATIENCE_MS`.
      if (running.getFreshToken) return orAtHand(running.getFreshToken);
      const atHand = token.usable();
      return atHand ? Promise.resolve(atHand) : once('getToken');
    },
    getFreshToken: () => once('getFreshToken'),
    hasToken: async () => !!token.usable(),
    invalidate() {
      token.replaceToken();
      return tabs.isEnded ? Promise.resolve() : once('invalidate');
    },
  };

  /** @param {Promise<any>} fresh */
  const orAtHand = (fresh) =>
    quiet(Promise.race([fresh, new Promise((done) => setTimeout(done, PATIENCE_MS)).then(() => token.usable(MINUTE_MS) ?? fresh)]));

  // ---- the end

  function leavePage() {
    try {
      // By default, the widget of the tracking code or of an adapter is destroyed.
      (onLogout ?? (() => /** @type {any} */ (globalThis).LiveChatWidget?.call('destroy')))();
    } catch (error) {
      console.error(error);
    }
  }

  function end() {
    tabs.isEnded = true;
    token.replaceToken();
    tabs.leave();
    wake();
    leavePage();
  }

  /** @type {Promise<boolean> | boolean} */
  let isTold = false;
  async function logout() {
    if (tabs.isEnded && (await isTold)) return true;
    isTold = callOnce('invalidate', true).catch(
      // If the page never had a token, there is nothing to revoke.
      (error) => !token.wasHeld && !error.status && error.message === 'unauthenticated',
    );
    if (!tabs.isEnded) {
      tabs.endAll();
      guest?.forgetSecret();
      end();
    }
    return isTold;
  }

  return Object.assign(
    () => {
      tabs.joinTabs();
      return functions;
    },
    { logout },
  );
}
