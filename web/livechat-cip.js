// livechat-cip: built from web/src, which is easier to read. livechat-cip.d.ts describes it.

// src/errors.js
var IDENTITY = "SSO_IDENTITY_EXCEPTION";
var OAUTH = "SSO_OAUTH_EXCEPTION";
var TEMPORARY = "temporarily_unavailable";
var NOT_OURS = "Wrong baseUrl?";
var failure = (isIdentity, message, detail, more) => Object.assign(
  new Error(message),
  /** @type {Pick<IdentityError, 'code' | 'detail'>} */
  { code: isIdentity ? IDENTITY : OAUTH, detail },
  more
);
var loggedOut = () => failure(true, "logged_out", "Logged out.");

// src/storage.js
var ofThisPage = /* @__PURE__ */ new Map();
function recall(storage, place) {
  let kept;
  try {
    kept = JSON.parse(globalThis[storage].getItem(place) ?? "null");
  } catch {
  }
  return kept ?? ofThisPage.get(storage + place);
}
function keep(storage, place, value) {
  ofThisPage.delete(storage + place);
  try {
    if (value === void 0) globalThis[storage].removeItem(place);
    else globalThis[storage].setItem(place, JSON.stringify(value));
  } catch {
    if (value !== void 0) ofThisPage.set(storage + place, value);
  }
}
async function locked(name, work) {
  try {
    return await navigator.locks.request(name, work);
  } catch {
    return work();
  }
}

// src/token.js
var MINUTE_MS = 6e4;
var RENEW_BEFORE_MS = 65 * MINUTE_MS;
function createTokenStore(place, owner) {
  const store = {
    /** @type {Held | undefined} */
    held: void 0,
    /** Grows when the token is dropped or replaced by a fresh one. The result of a request from before is then not stored. */
    changes: 0,
    /** Whether this page ever had one. */
    wasHeld: false,
    /** The token, if it has more time left than `marginMs`; by default, if it does not have to be renewed. */
    usable(marginMs = RENEW_BEFORE_MS) {
      if (!store.held && place) {
        const kept = recall("sessionStorage", place);
        if (kept?.owner === owner()) store.hold(kept?.held);
      }
      const token = store.held?.token;
      return token && token.creationDate + token.expiresIn - Date.now() > Math.min(marginMs, token.expiresIn / 4) ? token : void 0;
    },
    /** @param {Held | undefined} next */
    hold(next) {
      store.held = next;
      if (next) store.wasHeld = true;
      if (place) keep("sessionStorage", place, next && { owner: owner(), held: next });
    },
    /** @param {Held} [next] */
    replaceToken(next) {
      store.changes += 1;
      store.hold(next);
    }
  };
  return store;
}
var isNewer = (a, b) => a.token.entityId === b.token.entityId && a.issued > b.issued;
function toHeld(token, operation, response) {
  const { accessToken, creationDate: issued, entityId, expiresIn } = token ?? {};
  if (typeof accessToken !== "string" || typeof entityId !== "string" || !Number.isFinite(issued + expiresIn)) {
    throw failure(false, TEMPORARY, NOT_OURS, { status: response.status });
  }
  const now = Date.now();
  const date = Date.parse(response.headers.get("Date") ?? "");
  const theirs = date || (operation === "getFreshToken" || issued > now ? issued : now);
  const aheadMs = now - theirs;
  return { token: Math.abs(aheadMs) > MINUTE_MS ? { ...token, creationDate: issued + aheadMs } : token, issued };
}

// src/backend.js
var LONGEST_WAIT_MS = 3e5;
function createBackend(options, guest) {
  const { base, credentials, group, needsToken, token, user, userHash, userHashExpires } = options;
  return {
    /**
     * The current caller. The guest is looked up before any wait, because a logout forgets the guest at once.
     *
     * @param {boolean} mayBeNewGuest whether a visitor without an identity becomes a new guest
     * @returns {Promise<Caller>}
     */
    async identify(mayBeNewGuest) {
      let secret = guest?.recall();
      const bearer = typeof token === "function" ? await token() : token;
      if (!bearer && user === void 0) {
        if (guest && mayBeNewGuest) secret ?? (secret = await lasting(guest.make));
        if (!secret && needsToken && !credentials) throw failure(true, "unauthenticated", "Nobody is logged in.");
      }
      return { bearer, secret };
    },
    /**
     * @param {string} operation
     * @param {Caller} caller
     * @param {AbortSignal} signal
     * @param {boolean} [isLogout]
     * @returns {Promise<any>} a `Held` token; for `invalidate`, whether a logout has revoked all tokens at LiveChat
     */
    async sendRequest(operation, { bearer, secret }, signal, isLogout) {
      const headers = new Headers();
      const url = await lasting(() => {
        for (
          const [name, value] of
          /** @type {[string, any][]} */
          [
            ["Authorization", bearer && `Bearer ${bearer}`],
            ["X-User-Hash", userHash],
            ["X-User-Hash-Expires", userHashExpires],
            ["X-Guest-Id", secret],
            ["Content-Type", isLogout && "application/json"]
          ]
        ) {
          if (value) headers.set(name, value);
        }
        return `${base}/${operation}${user === void 0 ? "" : `/${encodeURIComponent(user)}`}${isLogout || group == null ? "" : `?group=${group}`}`;
      });
      const init = { method: "POST", headers, credentials, body: isLogout ? '{"logout":true}' : null, signal, keepalive: isLogout };
      const response = await fetch(url, init).catch((cause) => {
        throw failure(false, TEMPORARY, `Request failed: ${cause}.${corsHint(base)}`);
      });
      const body = await response.json().catch(() => {
      });
      if (!response.ok || body === void 0) throw refusal(response, body);
      return operation === "invalidate" ? response.headers.get("X-Logout") === "complete" : toHeld(body, operation, response);
    }
  };
}
function corsHint(base) {
  const { document: document2, location, origin } = globalThis;
  const isOther = location && new URL(base, document2?.baseURI ?? location.href).origin !== origin;
  return isOther && origin !== "null" ? ` Is the backend running, and is ${origin} in its ALLOWED_ORIGINS?` : "";
}
async function lasting(work) {
  try {
    return await work();
  } catch ({ message }) {
    throw failure(false, message, `No request: ${message}.`);
  }
}
function refusal({ headers, ok, status }, problem) {
  const { code, detail = NOT_OURS, requestId, livechatCode } = problem ?? {};
  const isIdentity = [401, 403, 409, 410].includes(status);
  const isTemporary = ok || status === 429 || status >= 500 && !livechatCode;
  const message = isTemporary ? TEMPORARY : livechatCode ?? code ?? (isIdentity ? "unauthenticated" : "invalid_request");
  return failure(isIdentity, message, detail, {
    requestId,
    status,
    waitMs: Math.min(1e3 * Number(headers.get("Retry-After")) || 0, LONGEST_WAIT_MS)
  });
}

// src/retry.js
var MINUTE_MS2 = 6e4;
var STEP_MS = 700;
var SHORTEST_PAUSE_MS = 250;
var LONGEST_PAUSE_MS = MINUTE_MS2;
var LONGEST_REFUSAL_MIN = 5;
var MOST_FRESH = 5;
var LONGEST_MS = 4e5;
var sleepers = /* @__PURE__ */ new Set();
var restarts = 0;
var listens = false;
function isAhead(ms) {
  const leftMs = ms - Date.now();
  return leftMs > 0 && leftMs < LONGEST_MS;
}
var sleep = (ms) => new Promise((done) => {
  if (!listens) {
    listens = true;
    globalThis.addEventListener?.("online", () => {
      restarts += 1;
      wake();
    });
  }
  sleepers.add(done);
  setTimeout(() => {
    sleepers.delete(done);
    done();
  }, ms);
});
function wake() {
  for (const done of sleepers) done();
  sleepers.clear();
}
function retryMs(nth, beganMs, waitMs) {
  const spread = Math.random() / 4;
  const growing = beganMs + Math.min(nth * STEP_MS, LONGEST_PAUSE_MS) * (1 - spread);
  return Math.max(growing, Date.now() + SHORTEST_PAUSE_MS + waitMs * (1 + spread));
}
var refusedMs = (nth) => Math.min(2 ** nth, LONGEST_REFUSAL_MIN) * MINUTE_MS2;
function createBrake() {
  let emptyMs = 0;
  return () => {
    emptyMs = Math.max(emptyMs, Date.now()) + MINUTE_MS2;
    return emptyMs - MOST_FRESH * MINUTE_MS2;
  };
}

// src/calls.js
var PATIENCE_MS = 2e4;
var LOOK_EVERY_MS = 2e3;
var MOST_SESSIONS = 3;
var MINUTE_MS3 = 6e4;
var GUEST_GONE = "guest_gone";
function createCalls({ needsToken, timeout }, { identify, sendRequest }, guest, token, tabs, leavePage) {
  const brake = createBrake();
  let failures = 0;
  let pauseEndsMs = 0;
  let seen = 0;
  let refusal2 = loggedOut();
  let refusedAs = "";
  let refusedUntilMs = 0;
  let refusals = 0;
  let sessions = 0;
  let graceEndsMs = 0;
  const credentialOf = ({ bearer, secret }) => bearer || secret || "";
  return { callOnce, callUntilDone };
  async function callOnce(operation, isLogout) {
    const began = Date.now();
    const controller = new AbortController();
    let credential = "";
    const late = new Promise(
      (_, reject) => setTimeout(() => {
        reject(failure(false, TEMPORARY, `No response in ${timeout} ms.`));
        controller.abort();
      }, timeout)
    );
    const work = async () => {
      const caller = await identify(!isLogout);
      credential = credentialOf(caller);
      if (!isLogout) {
        if (tabs.isEnded) throw loggedOut();
        if ((refusedAs === credential || sessions > MOST_SESSIONS) && isAhead(refusedUntilMs)) throw refusal2;
      }
      return sendRequest(operation, caller, controller.signal, isLogout);
    };
    try {
      const result = await Promise.race([work(), late]);
      failures = pauseEndsMs = refusals = sessions = graceEndsMs = 0;
      return result;
    } catch (cause) {
      const error = /^SSO_/.test(cause?.code) ? cause : failure(false, TEMPORARY, `Request failed: ${cause}.`);
      const { code, detail, message, requestId, status, waitMs = 0 } = error;
      if (code === IDENTITY) token.replaceToken();
      if (message === GUEST_GONE) guest?.forgetSecret(credential);
      if (message === TEMPORARY) {
        failures = seen === restarts ? failures + 1 : 1;
        seen = restarts;
        pauseEndsMs = retryMs(failures, began, waitMs);
      } else {
        if (error === refusal2) throw error;
        refusedUntilMs = 0;
        if (status) {
          refusedUntilMs = Date.now() + Math.max(refusedMs(refusals), waitMs);
          refusals += 1;
          if (refusedAs !== credential) sessions += 1;
        }
        refusedAs = credential;
        refusal2 = error;
      }
      if (status || code === OAUTH) {
        console.warn(["livechat-cip", operation, detail, status, requestId].filter(Boolean).join(": "));
      }
      throw error;
    }
  }
  async function callUntilDone(operation) {
    const isGet = operation === "getToken";
    let mayBeNewGuest = guest;
    let error;
    if (operation === "getFreshToken") {
      const endsMs = brake();
      await until(() => endsMs);
    }
    for (; ; ) {
      const atHand = isGet && token.usable(failures ? MINUTE_MS3 : void 0);
      if (atHand) return atHand;
      await until(() => seen === restarts ? pauseEndsMs : 0);
      if (tabs.isEnded) throw loggedOut();
      if (error && tabs.isReplaced) throw error;
      const before = token.changes;
      try {
        const next = await callOnce(operation);
        if (!tabs.isEnded) return operation === "invalidate" ? token.replaceToken() : keep2(next, isGet, before);
      } catch (cause) {
        error = cause;
        const { code, message } = error;
        if (message === GUEST_GONE) {
          if (!mayBeNewGuest) throw error;
          mayBeNewGuest = void 0;
        } else if (message !== TEMPORARY && (code !== IDENTITY || !await isSessionRenewed())) throw error;
      }
    }
  }
  function keep2(next, isGet, before) {
    if (before !== token.changes) return (isGet && token.held || next).token;
    if (isGet) token.hold(next);
    else token.replaceToken(next);
    tabs.shareToken(next);
    return next.token;
  }
  async function isSessionRenewed() {
    graceEndsMs || (graceEndsMs = Date.now() + PATIENCE_MS);
    while (token.wasHeld && isAhead(graceEndsMs)) {
      const look = identify(false).then(credentialOf, () => refusedAs);
      const nextMs = Date.now() + LOOK_EVERY_MS;
      const halfMs = graceEndsMs - PATIENCE_MS / 2;
      const isFirstHalf = isAhead(halfMs);
      await until(() => nextMs);
      const credential = await Promise.race([look, until(() => graceEndsMs)]);
      if (tabs.isEnded || tabs.isReplaced) return false;
      if ((credential ?? refusedAs) !== refusedAs) return true;
      if (!needsToken && isFirstHalf && !isAhead(halfMs)) {
        refusedUntilMs = 0;
        return true;
      }
    }
    if (token.wasHeld) setTimeout(() => tabs.isEnded || tabs.isReplaced || leavePage());
    token.wasHeld = false;
    return false;
  }
  async function until(endsMs) {
    while (!tabs.isEnded && !tabs.isReplaced && isAhead(endsMs())) await sleep(endsMs() - Date.now());
  }
}

// src/guest.js
function createGuest(place) {
  let secret;
  function recallSecret() {
    const kept = secret ?? recall("localStorage", place);
    secret = /^[\w-]{43}$/.test(kept) ? kept : void 0;
    return secret;
  }
  return {
    recall: recallSecret,
    /** Creates a guest. Two tabs of a first visit create the same guest. */
    make: () => locked(place, () => {
      const known = recallSecret();
      if (known) return known;
      secret = randomSecret();
      keep("localStorage", place, secret);
      return new Promise((done) => setTimeout(done, 50, secret));
    }),
    /** @param {string} [former] forget only this secret: another tab may have created a new one since */
    forgetSecret(former) {
      if (!former || recall("localStorage", place) === former) keep("localStorage", place);
      if (!former || secret === former) secret = void 0;
    }
  };
}
function randomSecret() {
  return Array.from(crypto.getRandomValues(new Uint8Array(43)), (byte) => (byte & 31).toString(32)).join("");
}

// src/options.js
function readOptions(given) {
  const { baseUrl, cache, credentials, guest, scope, timeout, token, userHash } = given;
  const user = given.user ?? void 0;
  const isUser = user !== void 0;
  check(baseUrl, "baseUrl", "is missing");
  check(!isUser || !/^\.{0,2}$/.test(user), "user", "cannot be in a path");
  check(!userHash || isUser, "userHash", "needs user");
  check(cache !== "session" || isUser || guest && !token && !credentials, "cache", "'session' needs user");
  return {
    ...given,
    base: String(baseUrl).replace(/\/$/, ""),
    credentials: credentials ?? void 0,
    scope: scope ?? "",
    timeout: timeout ?? 8e3,
    user,
    /** Whether only callers with a token are logged in: if the option `token` was given, with any value. */
    needsToken: "token" in given
  };
}
function check(holds, option, why) {
  if (!holds) throw new TypeError(`createIdentityProvider: ${option}: ${why}`);
}

// src/quiet.js
function quiet(promise) {
  const { then } = promise;
  then.call(promise, void 0, () => {
  });
  return Object.defineProperty(promise, "then", {
    value: (...handlers) => quiet(then.apply(
      promise,
      /** @type {any} */
      handlers
    ))
  });
}

// src/tabs.js
var listening = /* @__PURE__ */ new Map();
function createTabs(place, base, identity, hear) {
  let joined = false;
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
      channel = void 0;
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
    }
  };
  return tabs;
  function open() {
    try {
      return new BroadcastChannel(`${place}:${new URL(base, document.baseURI)}`);
    } catch {
      return void 0;
    }
  }
}

// src/provider.js
var MESSAGE_MS = 100;
function createIdentityProvider(given) {
  const options = readOptions(given);
  const { base, cache, group, onLogout, scope, user } = options;
  const place = `livechat-cip:${scope}`;
  const identity = `${place}:${base}:${group ?? ""}`;
  const guest = options.guest ? createGuest(place) : void 0;
  const token = createTokenStore(cache === "session" ? identity : void 0, () => user ?? guest?.recall());
  const tabs = createTabs(place, base, identity, ({ logout: logout2, held }) => {
    if (logout2) end();
    else if (held && token.held && isNewer(held, token.held)) token.replaceToken(held);
  });
  const { callOnce, callUntilDone } = createCalls(options, createBackend(options, guest), guest, token, tabs, leavePage);
  const running = {};
  const once = (operation) => running[operation] ?? (running[operation] = quiet(
    callUntilDone(operation).finally(() => {
      running[operation] = void 0;
    })
  ));
  const functions = {
    getToken() {
      if (running.invalidate) return running.invalidate.catch(() => {
      }).then(() => sleep(MESSAGE_MS).then(functions.getToken));
      if (running.getFreshToken) return orAtHand(running.getFreshToken);
      const atHand = token.usable();
      return atHand ? Promise.resolve(atHand) : once("getToken");
    },
    getFreshToken: () => once("getFreshToken"),
    hasToken: async () => !!token.usable(),
    invalidate() {
      token.replaceToken();
      return tabs.isEnded ? Promise.resolve() : once("invalidate");
    }
  };
  const orAtHand = (fresh) => quiet(Promise.race([fresh, new Promise((done) => setTimeout(done, PATIENCE_MS)).then(() => token.usable(MINUTE_MS3) ?? fresh)]));
  function leavePage() {
    try {
      (onLogout ?? (() => (
        /** @type {any} */
        globalThis.LiveChatWidget?.call("destroy")
      )))();
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
  let isTold = false;
  async function logout() {
    if (tabs.isEnded && await isTold) return true;
    isTold = callOnce("invalidate", true).catch(
      // If the page never had a token, there is nothing to revoke.
      (error) => !token.wasHeld && !error.status && error.message === "unauthenticated"
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
    { logout }
  );
}
export {
  createIdentityProvider
};
