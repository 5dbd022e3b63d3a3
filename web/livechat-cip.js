// The browser half of livechat-cip: what LiveChat's widget or SDK needs to take its customer from the backend.
// Options, answers and errors are described in livechat-cip.d.ts.

/** @typedef {import('./livechat-cip.d.ts').Token} Token */
/** @typedef {import('./livechat-cip.d.ts').IdentityError} IdentityError */
/** @typedef {{ token: Token, issued: number }} Held `issued`: the creation date by LiveChat's clock, to tell which token is newer. */

const MINUTE_MS = 60_000;
/** LiveChat's SDK renews a token that has less than an hour left. */
const RENEW_BEFORE_MS = 65 * MINUTE_MS;
const LONGEST_PAUSE_MS = 5 * MINUTE_MS;
/** The SDK tries again after an error with this message, and stops for good after most others. */
const TEMPORARY = 'temporarily_unavailable';
const IDENTITY = 'SSO_IDENTITY_EXCEPTION';
const OAUTH = 'SSO_OAUTH_EXCEPTION';

/** @type {typeof import('./livechat-cip.d.ts').createIdentityProvider} */
export function createIdentityProvider(options) {
  const { cache, credentials, group, guest, onLogout = destroyWidget, scope = '', timeout = 8_000, token } = options;
  const user = options.user ?? undefined;
  check(options.baseUrl, 'baseUrl', 'where is the backend?');
  // URL parsers take dots for steps in the path, even percent-encoded.
  check(user === undefined || !/^\.{0,2}$/.test(user), 'user', 'this cannot stand in a path; leave it out if nobody is logged in');
  check(!options.userHash || user !== undefined, 'userHash', 'it needs user');
  check(cache !== 'session' || user !== undefined || (guest && !token && !credentials), 'cache', "'session' needs user");

  const base = String(options.baseUrl).replace(/\/$/, '');
  const guestPlace = `livechat-cip:${scope}`;
  const tokenPlace = `${guestPlace}:${base}:${group ?? ''}`;
  let joined = false;
  /** @type {BroadcastChannel | undefined} */
  let tabs;

  /** @type {Held | undefined} */
  let held;
  /** @type {string | undefined} */
  let guestId;
  let ended = false;
  /** Grows when the token is dropped or replaced by a fresh one: what was asked for before that is not kept. */
  let changes = 0;
  /** Failures in a row that may pass by themselves. */
  let failures = 0;
  let pauseEnds = 0;
  /** @type {IdentityError | undefined} */
  let lastFailure;
  /** @type {Record<string, Promise<any> | undefined>} */
  const running = {};

  // ---- the token at hand

  const owner = () => user ?? recallGuest();

  function usable() {
    if (!held && !ended && cache === 'session') {
      const kept = recall('sessionStorage', tokenPlace);
      if (kept && kept.owner === owner()) held = kept.held;
    }
    const left = held ? held.token.creationDate + held.token.expiresIn - Date.now() : 0;
    return held && left > Math.min(RENEW_BEFORE_MS, held.token.expiresIn / 4) ? held.token : undefined;
  }

  /** @param {Held | undefined} next */
  function hold(next) {
    held = next;
    if (cache === 'session') keep('sessionStorage', tokenPlace, next && { owner: owner(), held });
  }

  /** @param {Held} [next] */
  function replace(next) {
    changes += 1;
    hold(next);
  }

  // ---- the guest's secret

  function recallGuest() {
    const kept = guestId ?? recall('localStorage', guestPlace);
    guestId = /^[\w-]{43}$/.test(kept) ? kept : undefined;
    return guestId;
  }

  /** 32 random bytes in base64url. Two tabs of a first visit make one guest. */
  const makeGuest = () =>
    locked(
      guestPlace,
      () =>
        recallGuest() ??
        new Promise((done) => {
          const bytes = crypto.getRandomValues(new Uint8Array(32));
          guestId = btoa(String.fromCharCode(...bytes))
            .replace(/\+/g, '-')
            .replace(/\//g, '_')
            .replace('=', '');
          keep('localStorage', guestPlace, guestId);
          // Before the next tab may look: browsers take a moment to bring what is kept from one process to the other.
          setTimeout(done, 50, guestId);
        }),
    );

  /** @param {string | undefined} secret another tab may have made a new one since: that stays */
  function forgetGuest(secret) {
    if (recall('localStorage', guestPlace) === secret) keep('localStorage', guestPlace);
    if (guestId === secret) guestId = undefined;
  }

  // ---- calls

  /**
   * One request. What it says of the caller is read before anything is waited for: at a logout, that is forgotten at once.
   *
   * @param {string} operation
   * @param {AbortSignal} signal
   * @param {object} [content]
   * @param {boolean} [again]
   * @returns {Promise<any>}
   */
  async function send(operation, signal, content, again = true) {
    let secret = guest ? recallGuest() : undefined;
    const bearer = typeof token === 'function' ? await token() : token;
    const unknown = !bearer && user === undefined;
    if (unknown && guest && !content && !secret) {
      secret = await makeGuest();
      if (ended) throw loggedOut();
    }
    if (unknown && !secret && !credentials && 'token' in options) throw failure(true, 'unauthenticated', 'Nobody is logged in.');

    const headers = {
      ...(bearer && { Authorization: `Bearer ${bearer}` }),
      ...(options.userHash && { 'X-User-Hash': options.userHash }),
      ...(options.userHashExpires && { 'X-User-Hash-Expires': String(options.userHashExpires) }),
      ...(secret && { 'X-Guest-Id': secret }),
      ...(content && { 'Content-Type': 'application/json' }),
    };
    const path = user === undefined ? operation : `${operation}/${encodeURIComponent(user)}`;
    const response = await fetch(`${base}/${path}${group === undefined ? '' : `?group=${group}`}`, {
      method: 'POST',
      headers,
      credentials,
      body: content && JSON.stringify(content),
      signal,
      // Often, another page follows a logout.
      keepalive: Boolean(content),
    });
    const answer = parse(await response.text());
    if (response.ok && answer !== undefined) return operation === 'invalidate' ? answer : toHeld(answer, operation, response);
    if (answer?.code === 'guest_gone' && unknown && again) {
      // This guest became a user, who is not logged in any more.
      replace();
      forgetGuest(secret);
      return send(operation, signal, content, false);
    }
    throw refusal(response, answer);
  }

  /**
   * The same, within the time-out, and not at all in the pause that follows failures.
   *
   * @param {string} operation
   * @param {object} [content]
   */
  async function call(operation, content) {
    if (ended) throw loggedOut();
    if (Date.now() < pauseEnds && !content) throw lastFailure;
    const controller = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
      const answer = await Promise.race([
        send(operation, controller.signal, content),
        new Promise((_, reject) => {
          timer = setTimeout(() => reject(failure(false, TEMPORARY, `No answer came within ${timeout} ms.`)), timeout);
        }),
      ]);
      failures = pauseEnds = 0;
      return answer;
    } catch (/** @type {any} */ error) {
      throw note(
        operation,
        error?.code === IDENTITY || error?.code === OAUTH
          ? error
          : failure(false, TEMPORARY, `The request failed: ${error?.message ?? error}.`),
      );
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  /**
   * @param {string} operation
   * @param {IdentityError & { waitMs?: number }} error
   */
  function note(operation, error) {
    const { code, detail, message, requestId, status, waitMs = 0 } = error;
    // Whose session has ended has no token either: else the SDK would try with it, and ask for a fresh one, for ever.
    if (code === IDENTITY) replace();
    if (message === TEMPORARY && navigator.onLine) {
      // The first one may be chance; then every second, and slower and slower. Clients themselves never give up.
      const growing = failures ? Math.min(500 * 2 ** failures, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2) : 0;
      failures += 1;
      pauseEnds = Date.now() + Math.min(Math.max(waitMs, growing), LONGEST_PAUSE_MS);
      lastFailure = error;
    }
    if (status !== undefined || message === TEMPORARY) {
      console.warn(`livechat-cip: ${operation}: ${detail}${status ? ` (${status}${requestId ? `, requestId ${requestId}` : ''})` : ''}`);
    }
    return error;
  }

  // ---- the operations

  /** @param {string} operation */
  async function obtain(operation) {
    const before = changes;
    /** @type {Held} */
    const next = await call(operation);
    if (ended) throw loggedOut();
    if (operation === 'getToken' && before !== changes) return (held ?? next).token;
    if (before === changes) {
      if (operation === 'getToken') hold(next);
      else replace(next);
      tabs?.postMessage({ held });
    }
    return next.token;
  }

  /**
   * @param {string} operation
   * @param {() => Promise<any>} work
   */
  function once(operation, work) {
    if (!running[operation]) {
      running[operation] = work().finally(() => {
        running[operation] = undefined;
      });
      // The SDK does not look at what becomes of some of its calls. Each failure has had its warning.
      running[operation].catch(() => {});
    }
    return running[operation];
  }

  /** @type {import('./livechat-cip.d.ts').IdentityProvider} */
  const functions = {
    getToken() {
      // What follows an invalidate is a getFreshToken, as soon as its promise is kept.
      if (running.invalidate) return running.invalidate.catch(() => {}).then(() => functions.getToken());
      const fresh = running.getFreshToken;
      // Whoever asks for a fresh one has been told that the one at hand is no good, or fears so. In an outage it is all there is.
      if (fresh) return fresh.catch((error) => (error.message === TEMPORARY && usable()) || Promise.reject(error));
      const token = usable();
      return token ? Promise.resolve(token) : once('getToken', () => obtain('getToken'));
    },
    getFreshToken: () => once('getFreshToken', () => obtain('getFreshToken')),
    hasToken: () => Promise.resolve(Boolean(usable())),
    invalidate: () =>
      once('invalidate', async () => {
        if (ended) return;
        replace();
        await call('invalidate');
        // Nor is it kept what the backend answered meanwhile.
        replace();
      }),
  };

  // ---- all tabs

  function leave() {
    tabs?.close();
    tabs = undefined;
  }

  function end() {
    ended = true;
    replace();
    leave();
    onLogout();
  }

  const channel = () => globalThis.BroadcastChannel && new BroadcastChannel(`${guestPlace}:${new URL(base, location.href)}`);

  /** Not before somebody asks for the functions: a server that renders the page has no tabs. */
  function join() {
    if (joined || ended) return;
    joined = true;
    tabs = channel();
    if (tabs) {
      tabs.onmessage = ({ data }) => {
        if (data.logout) end();
        else if (held && isNewer(data.held, held)) replace(data.held);
      };
    }
    // The page has logged somebody in or out. What the former provider would do at the next logout is not its business any more.
    listening.get(tokenPlace)?.();
    listening.set(tokenPlace, leave);
  }

  async function logout() {
    if (ended) return true;
    const told = call('invalidate', { logout: true });
    const others = channel();
    others?.postMessage({ logout: true });
    others?.close();
    if (guest) forgetGuest(recallGuest());
    try {
      end();
    } finally {
      await told.catch(() => {});
    }
    return told.then(
      () => true,
      (error) => error.status === undefined && error.message === 'unauthenticated',
    );
  }

  return Object.assign(
    () => {
      join();
      return functions;
    },
    { logout },
  );
}

/**
 * For each identity on this page, how its latest provider stops listening.
 *
 * @type {Map<string, () => void>}
 */
const listening = new Map();

/** By default, the widget of the tracking code and of the adapters goes. */
function destroyWidget() {
  /** @type {any} */ (globalThis).LiveChatWidget?.call('destroy');
}

/**
 * Whether `a` is a newer token of the same customer than `b`.
 *
 * @param {Held} a
 * @param {Held} b
 */
const isNewer = (a, b) => a.token.entityId === b.token.entityId && a.issued > b.issued;

/**
 * A token by this browser's clock. LiveChat's clients compare its dates with that, and a clock that is hours off would have them
 * renew on every page, or never.
 *
 * @param {any} token
 * @param {string} operation
 * @param {Response} response
 * @returns {Held}
 */
function toHeld(token, operation, response) {
  const { accessToken, creationDate: issued, entityId, expiresIn } = token ?? {};
  if (typeof accessToken !== 'string' || typeof entityId !== 'string' || !Number.isFinite(issued + expiresIn)) {
    throw failure(false, TEMPORARY, 'The answer is no token. Is baseUrl right?', { status: response.status });
  }
  const now = Date.now();
  const date = Date.parse(response.headers.get('Date') ?? '');
  // Where the date cannot be read, a token that was just made, or is yet to be, tells the time.
  const theirs = date || (operation === 'getFreshToken' || issued > now ? issued : now);
  const aheadMs = now - theirs;
  return { token: Math.abs(aheadMs) > MINUTE_MS ? { ...token, creationDate: issued + aheadMs } : token, issued };
}

/**
 * What an HTTP error means, in the words of LiveChat's clients.
 *
 * @param {Response} response
 * @param {any} problem RFC 9457, if it is the backend's
 */
function refusal({ headers, ok, status }, problem) {
  const { code, detail = 'The answer is not the backend’s. Is baseUrl right?', requestId, livechatCode } = problem ?? {};
  const isIdentity = [401, 403, 409, 410].includes(status);
  const isTemporary = ok || status === 429 || (status >= 500 && !livechatCode);
  return failure(
    isIdentity,
    isTemporary ? TEMPORARY : (livechatCode ?? code ?? (isIdentity ? 'unauthenticated' : 'invalid_request')),
    detail,
    {
      requestId,
      status,
      waitMs: 1_000 * Number(headers.get('Retry-After')) || 0,
    },
  );
}

/**
 * @param {boolean} isIdentity
 * @param {string} message
 * @param {string} detail
 * @param {object} [more]
 * @returns {IdentityError}
 */
const failure = (isIdentity, message, detail, more) =>
  Object.assign(
    new Error(message),
    /** @type {Pick<IdentityError, 'code' | 'detail'>} */ ({ code: isIdentity ? IDENTITY : OAUTH, detail }),
    more,
  );

const loggedOut = () => failure(true, 'logged_out', 'The user has logged out.');

/**
 * @param {unknown} holds
 * @param {string} option
 * @param {string} why
 */
function check(holds, option, why) {
  if (!holds) throw new TypeError(`createIdentityProvider: ${option}: ${why}`);
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// A browser that keeps nothing for pages has another guest on each, and that is all.

/**
 * @param {'localStorage' | 'sessionStorage'} storage
 * @param {string} place
 */
function recall(storage, place) {
  try {
    return JSON.parse(globalThis[storage].getItem(place) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {'localStorage' | 'sessionStorage'} storage
 * @param {string} place
 * @param {unknown} [value] nothing: forget
 */
function keep(storage, place, value) {
  try {
    if (value === undefined) globalThis[storage].removeItem(place);
    else globalThis[storage].setItem(place, JSON.stringify(value));
  } catch {
    /* see above */
  }
}

/**
 * Only one tab at a time; on a page without https each for itself.
 *
 * @template T
 * @param {string} name
 * @param {() => T} work
 * @returns {Promise<T>}
 */
const locked = async (name, work) => (navigator.locks ? navigator.locks.request(name, work) : work());
