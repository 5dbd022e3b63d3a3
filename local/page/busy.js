// What a device is doing at the moment: the calls that are running, and for how long.

import { $ } from '/dom.js';
import { markResultAsPast } from '/internals.js';

/** Shorter work is not shown, because it would flicker. */
const SHOW_AFTER_MS = 150;
const TICK_MS = 100;

export class Busy {
  #running = new Set();
  /** The next look at what is running. */
  #timer;

  /** Begins work with this name. Returns the function that ends it. `isCall` tells a request from a wait for one. */
  begin(what, isCall = false) {
    const work = { what, isCall, since: performance.now(), isShown: false };
    this.#running.add(work);
    this.#timer ??= setTimeout(() => this.#show(), SHOW_AFTER_MS);
    return () => {
      this.#running.delete(work);
      if (this.#running.size === 0) this.clear();
    };
  }

  /** Like `begin`, until `promise` is settled. */
  async during(what, promise) {
    const end = this.begin(what);
    try {
      return await promise;
    } finally {
      end();
    }
  }

  /** Forgets all work, for example that of a former user. */
  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running.clear();
    $('#internals').ariaBusy = 'false';
    $('#busy').textContent = '';
  }

  #show() {
    this.#timer = setTimeout(() => this.#show(), TICK_MS);
    const now = performance.now();
    const old = [...this.#running].filter(({ since }) => now - since >= SHOW_AFTER_MS);
    const calls = old.filter(({ isCall }) => isCall);
    const work = calls.length ? calls : old;
    $('#internals').ariaBusy = String(work.length > 0);
    if (work.length === 0) return;
    const names = new Set(work.map(({ what }) => what));
    const [name] = names;
    const line = calls.length < 2 ? name : `${calls.length} calls${names.size === 1 ? ` of ${name}` : ''}`;
    const text = calls.length ? `${line} ${calls.length < 2 ? 'is' : 'are'} running…` : `${name}…`;
    // Each call ends with a new result.
    if (calls.some(({ isShown }) => !isShown)) markResultAsPast();
    for (const call of calls) call.isShown = true;
    $('#customer .work').textContent = text;
    $('#customer .time').textContent = `${((now - Math.min(...work.map(({ since }) => since))) / 1000).toFixed(1)} s`;
    // Screen readers read the line again only if it has changed, and not the time.
    if ($('#busy').textContent !== text) $('#busy').textContent = text;
  }
}
