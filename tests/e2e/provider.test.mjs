// web/livechat-cip.js in a real browser: what a page's identity provider does, and how many calls it makes. The pages are on another origin
// than the API, under a strict Content-Security-Policy.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { problem, startShop } from './helpers/shop.mjs';
import { eventually, within } from './helpers/within.mjs';
import { newUser } from './helpers/world.mjs';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const world = await startShop(['--auth', 'jwt', '--guests']);
const { local, sandbox, shop } = world;
const { session } = local;
const IDENTITY = 'SSO_IDENTITY_EXCEPTION';
const OAUTH = 'SSO_OAUTH_EXCEPTION';

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or unexpected frames');
});
after(() => world.stop());

/** Opens a page on which `user` is logged in. */
async function openAs(user, device, options = {}) {
  const tab = await shop.open(device ?? (await world.newDevice()));
  await tab.setSession(await session(user));
  await tab.provide({ token: true, ...options });
  return tab;
}

const liveChatCalls = async () => (await sandbox.state()).calls.token;

/** Holds the response to the next call of an operation. `held` resolves when the backend has responded; `release` lets the response through. */
async function holdResponse(tab, operation) {
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  let hold;
  const held = new Promise((resolve) => {
    hold = resolve;
  });
  await tab.page.route(
    `**/${operation}`,
    async (route) => {
      const response = await route.fetch();
      hold();
      await released;
      // The page may have cancelled the request.
      await route.fulfill({ response }).catch(() => {});
    },
    { times: 1 },
  );
  return { release, held: () => within(7_000, held, () => `a response to ${operation}`) };
}

// ---- the number of calls

test("a new user's page makes one call and one to LiveChat, a returning user's page makes one call and none to LiveChat", async (t) => {
  const user = newUser();
  const first = await openAs(user);
  const customer = await first.connect();
  assert.match(customer, /\S/);
  assert.deepEqual([first.requests, await liveChatCalls()], [['getToken'], 1]);

  const second = await openAs(user);
  assert.equal(await second.connect(), customer);
  assert.deepEqual([second.requests, await liveChatCalls()], [['getToken'], 1]);
  assert.deepEqual(second.console, []);
  t.diagnostic(`calls of a page load: ${second.requests.length}`);
});

test('with sessionStorage, the next page of the tab makes no call', async () => {
  const user = newUser();
  const options = { user, cache: 'session' };
  const tab = await openAs(user, undefined, options);
  const customer = await tab.connect();

  await tab.reload();
  await tab.setSession(await session(user));
  await tab.provide({ token: true, ...options });
  assert.equal(await tab.connect(), customer);
  assert.deepEqual([tab.requests, await liveChatCalls()], [[], 1]);
});

test("a user's token in sessionStorage is not used for the next user", async () => {
  const [ann, ben] = [newUser('ann'), newUser('ben')];
  const tab = await openAs(ann, undefined, { user: ann, cache: 'session' });
  const anns = await tab.token();
  await tab.setSession(await session(ben));
  await tab.provide({ token: true, user: ben, cache: 'session' });
  const bens = await tab.token();
  assert.notEqual(bens.entityId, anns.entityId);

  await tab.provide({ token: true, user: ann, cache: 'session' });
  assert.equal((await tab.call('hasToken')).value, false);
});

test('simultaneous calls make one request', async () => {
  const tab = await openAs(newUser());
  const tokens = await tab.page.evaluate(() => Promise.all(Array.from({ length: 10 }, () => shop.provider().getToken())));
  assert.equal(new Set(tokens.map(({ accessToken }) => accessToken)).size, 1);
  assert.deepEqual(tab.requests, ['getToken']);
  const fresh = await tab.page.evaluate(() => Promise.all(Array.from({ length: 3 }, () => shop.provider().getFreshToken())));
  assert.equal(new Set(fresh.map(({ accessToken }) => accessToken)).size, 1);
  assert.deepEqual(tab.requests, ['getToken', 'getFreshToken']);
});

test("the session's token is read again for each request", async () => {
  const tab = await openAs(newUser());
  await tab.token();
  await tab.setSession('expired');
  assert.equal((await tab.error('getFreshToken')).status, 401);
});

// ---- the four functions

test("each function returns a promise with the value that LiveChat's clients expect", async () => {
  const tab = await openAs(newUser());
  const promises = await tab.page.evaluate(async () => {
    const functions = shop.provider();
    return Promise.all(
      ['hasToken', 'getToken', 'getFreshToken', 'invalidate'].map(async (name) => {
        const result = functions[name]();
        await result;
        return result instanceof Promise;
      }),
    );
  });
  assert.deepEqual(promises, [true, true, true, true]);
  const token = await tab.token();
  assert.equal(token.tokenType, 'Bearer');
  assert.equal(token.expiresIn, 8 * HOUR);
  assert.ok(Math.abs(token.creationDate - Date.now()) < MINUTE);
});

test('hasToken says whether the page has a token, and makes no call', async () => {
  const tab = await openAs(newUser());
  assert.equal((await tab.call('hasToken')).value, false);
  await tab.token();
  assert.equal((await tab.call('hasToken')).value, true);
  await tab.call('invalidate');
  assert.equal((await tab.call('hasToken')).value, false);
  assert.deepEqual(tab.requests, ['getToken', 'invalidate']);
});

test('after getFreshToken, getToken returns that token; after invalidate, another one of the same customer', async () => {
  const tab = await openAs(newUser());
  const old = await tab.token();
  const fresh = await tab.token('getFreshToken');
  assert.notEqual(fresh.accessToken, old.accessToken);
  assert.equal((await tab.token()).accessToken, fresh.accessToken);
  assert.equal((await tab.call('invalidate')).error, undefined);
  const next = await tab.token();
  assert.notEqual(next.accessToken, fresh.accessToken);
  assert.deepEqual([fresh.entityId, next.entityId], [old.entityId, old.entityId]);
  assert.deepEqual(tab.requests, ['getToken', 'getFreshToken', 'invalidate', 'getToken']);
});

test('getToken waits for a running getFreshToken (guards against: a login with the token that was refused)', async () => {
  const tab = await openAs(newUser());
  const old = await tab.token();
  await sandbox.set({ latencyMs: 500 });
  const [fresh, next] = await tab.page.evaluate(() => Promise.all([shop.provider().getFreshToken(), shop.provider().getToken()]));
  assert.notEqual(fresh.accessToken, old.accessToken);
  assert.equal(next.accessToken, fresh.accessToken);
});

test('a response to a call from before an invalidate is not stored', async () => {
  const tab = await openAs(newUser());
  const { release, held } = await holdResponse(tab, 'getToken');
  const early = tab.token();
  await held();
  await tab.call('invalidate');
  release();
  await early;
  assert.equal((await tab.call('hasToken')).value, false);
});

test('a response that is older than the latest fresh token is not returned', async () => {
  const user = newUser();
  const tab = await openAs(user);
  const { release, held } = await holdResponse(tab, 'getToken');
  const overtaken = tab.token();
  await held();
  const fresh = await tab.token('getFreshToken');
  release();
  assert.equal((await overtaken).accessToken, fresh.accessToken);
  assert.equal((await tab.token()).accessToken, fresh.accessToken);
});

test('a token is not used when less than 65 minutes, or a quarter of a short lifetime, are left', async () => {
  for (const [lifetimeMs, ageMs, calls] of [
    [8 * HOUR, 6 * HOUR + 54 * MINUTE, 1],
    [8 * HOUR, 6 * HOUR + 56 * MINUTE, 2],
    [HOUR, 44 * MINUTE, 1],
    [HOUR, 46 * MINUTE, 2],
  ]) {
    const tab = await openAs(newUser());
    await tab.page.route('**/getToken', (route) =>
      route.fulfill({
        json: { accessToken: 'a', entityId: 'e', expiresIn: lifetimeMs, tokenType: 'Bearer', creationDate: Date.now() - ageMs },
        headers: { 'Access-Control-Allow-Origin': shop.origin, 'Access-Control-Expose-Headers': 'date', Date: new Date().toUTCString() },
      }),
    );
    await tab.token();
    await tab.token();
    assert.equal(tab.requests.length, calls, `a token of ${lifetimeMs / MINUTE} min that is ${ageMs / MINUTE} min old`);
  }
});

// ---- clocks

for (const aheadHours of [-5, 9]) {
  test(`with a browser's clock that is ${aheadHours} h ahead, a token expires at the right time`, async () => {
    const user = newUser();
    await (await openAs(user)).token();
    const device = await world.newDevice();
    await device.addInitScript((ms) => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + ms;
    }, aheadHours * HOUR);
    const tab = await openAs(user, device);
    await tab.connect();
    const token = await tab.token();
    const fresh = await tab.token('getFreshToken');
    assert.notEqual(fresh.accessToken, token.accessToken);
    for (const { creationDate, expiresIn } of [token, fresh]) {
      const leftMs = creationDate + expiresIn - (Date.now() + aheadHours * HOUR);
      assert.ok(Math.abs(leftMs - 8 * HOUR) < MINUTE, `${leftMs / HOUR} h left by its own clock`);
    }
    assert.deepEqual([tab.requests, await liveChatCalls()], [['getToken', 'getFreshToken'], 2]);
  });
}

// ---- permanent failures

const allowing = (response, headers = {}) => ({
  ...response,
  headers: { 'Content-Type': response.contentType ?? 'text/html', 'Access-Control-Allow-Origin': shop.origin, ...headers },
});
const ours = (tab) => tab.console.filter((line) => line.startsWith('livechat-cip: '));

for (const [response, code, message] of [
  [problem(401, 'unauthenticated'), IDENTITY, 'unauthenticated'],
  [problem(403, 'user_mismatch'), IDENTITY, 'user_mismatch'],
  [problem(409, 'identity_changed'), IDENTITY, 'identity_changed'],
  [problem(400, 'invalid_request'), OAUTH, 'invalid_request'],
  [problem(404, 'not_found'), OAUTH, 'not_found'],
  [problem(502, 'livechat_rejected', { livechatCode: 'invalid_client' }), OAUTH, 'invalid_client'],
  [{ status: 401, json: { message: 'Unauthorized' } }, IDENTITY, 'unauthenticated'],
  [{ status: 403, json: { message: 'Forbidden' } }, IDENTITY, 'unauthenticated'],
  [{ status: 404, json: { message: 'Not Found' } }, OAUTH, 'invalid_request'],
]) {
  test(`${response.status} ${response.body ?? JSON.stringify(response.json)} is ${code} ${message}`, async () => {
    const tab = await openAs(newUser());
    await tab.page.route('**/getToken', (route) => route.fulfill(allowing(response)));
    const error = await tab.error();
    assert.deepEqual([error.code, error.message, error.status], [code, message, response.status]);
    assert.match(error.detail, /\S/);
    if (response.contentType) {
      assert.equal(error.requestId, 'r-1');
      assert.match(error.detail, /what to do/);
    }
    const warnings = ours(tab);
    assert.equal(warnings.length, 1, tab.console.join('\n'));
    assert.ok(warnings[0].includes(error.detail) && warnings[0].includes(`${response.status}`), warnings[0]);
  });
}

test("LiveChat's own refusal is passed on, with advice", async () => {
  await sandbox.fail('oauth_invalid_request', 10);
  const error = await (await openAs(newUser())).error();
  assert.deepEqual([error.code, error.message, error.status], [OAUTH, 'invalid_request', 502]);
  assert.match(error.detail, /LIVECHAT_REDIRECT_URI/);
  assert.match(error.requestId, /\S/);
});

test('a refusal is remembered, each time for longer, but not for another session', async () => {
  const device = await world.newDevice({ speed: 60 });
  const tab = await openAs(newUser(), device);
  await tab.page.route('**/getToken', (route) => route.fulfill(allowing(problem(403, 'user_mismatch'))));
  const first = await tab.error();
  assert.deepEqual(await tab.error(), first);
  assert.equal(tab.requests.length, 1);
  // The page's clock runs 60 times faster, so this takes a second.
  const minute = () => tab.page.evaluate(() => new Promise((done) => setTimeout(done, 61_000)));
  await minute();
  await tab.error();
  assert.equal(tab.requests.length, 2);
  await minute();
  await tab.error();
  assert.equal(tab.requests.length, 2, 'the second refusal is remembered for two minutes');
  assert.equal(ours(tab).length, 2);

  await tab.page.unroute('**/getToken');
  await tab.setSession(await session(newUser()));
  assert.match((await tab.token()).entityId, /\S/);
});

test('a new session is tried at once, even if the former one was refused often', async () => {
  const tab = await openAs(newUser(), await world.newDevice({ speed: 120 }));
  await tab.page.route('**/getToken', (route) => route.fulfill(allowing(problem(401, 'unauthenticated'))));
  for (const [calls, minutes] of [
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 0],
  ]) {
    await tab.error();
    assert.equal(tab.requests.length, calls);
    await tab.page.waitForTimeout((minutes * MINUTE) / 120 + 50);
  }
  await tab.page.unroute('**/getToken');
  await tab.setSession(await session(newUser()));
  assert.match((await tab.token()).entityId, /\S/);
});

test('a page with another token for each request makes a limited number of requests', async () => {
  const tab = await openAs(newUser());
  await tab.page.route('**/getToken', (route) => route.fulfill(allowing(problem(401, 'unauthenticated'))));
  for (let i = 0; i < 10; i++) {
    await tab.setSession(`another-${i}`);
    assert.equal((await tab.error()).message, 'unauthenticated');
  }
  assert.equal(tab.requests.length, 4);
});

for (const [what, options, text] of [
  ['a user id that is not valid Unicode', { user: '\ud800' }, /URI/],
  ['a token that is not valid in a header', { token: 'a\nb' }, /./],
]) {
  test(`${what} is a permanent error with the browser's message`, async () => {
    const tab = await shop.open(await world.newDevice());
    // The text is passed as character codes, because JSON cannot contain it.
    await tab.page.evaluate(
      ([name, codes]) => {
        shop.odd = { [name]: String.fromCharCode(...codes) };
      },
      [Object.keys(options)[0], [...Object.values(options)[0]].map((_, i) => Object.values(options)[0].charCodeAt(i))],
    );
    await tab.page.evaluate((baseUrl) => shop.provide({ baseUrl, ...shop.odd }), local.api);
    const error = await tab.error();
    assert.equal(error.code, OAUTH);
    assert.match(error.message, text);
    assert.notEqual(error.message, 'temporarily_unavailable');
    assert.ok(error.detail.includes(error.message), error.detail);
    assert.deepEqual(tab.requests, []);
    assert.equal(ours(tab).length, 1);
  });
}

test('options that are null count as left out', async () => {
  const tab = await shop.open(await world.newDevice());
  const user = newUser();
  const nothing = {
    cache: null,
    credentials: null,
    group: null,
    scope: null,
    timeout: null,
    user: null,
    userHash: null,
    userHashExpires: null,
  };
  await tab.provide({ ...nothing, token: await session(user), guest: null });
  const { entityId } = await tab.token();
  assert.equal((await (await openAs(user)).token()).entityId, entityId);
  assert.equal(await tab.logout(), true);

  await tab.page.evaluate(() => {
    shop.session = null;
  });
  await tab.provide({ ...nothing, token: true, guest: true });
  assert.notEqual((await tab.token()).entityId, entityId, 'with a token that is null, the caller is a guest');
  await tab.provide({ ...nothing, token: null });
  assert.equal((await tab.error()).message, 'unauthenticated');
});

// ---- temporary failures

for (const response of [
  problem(429, 'rate_limited'),
  problem(500, 'internal'),
  problem(503, 'livechat_unavailable'),
  { status: 502, body: '<html>Bad gateway</html>' },
  { status: 200, body: '<html>Welcome to our shop</html>' },
  { status: 200, json: { accessToken: 7 } },
  { status: 200, body: 'null' },
]) {
  test(`${response.status} ${response.body ?? JSON.stringify(response.json)} is retried until there is a token`, async () => {
    const tab = await openAs(newUser());
    await tab.page.route('**/getToken', (route) => route.fulfill(allowing(response)), { times: 2 });
    assert.match((await tab.token()).entityId, /\S/);
    assert.deepEqual(tab.requests, ['getToken', 'getToken', 'getToken']);
    assert.equal(ours(tab).length, 2, tab.console.join('\n'));
    for (const line of ours(tab)) assert.match(line, new RegExp(`${response.status}`));
  });
}

test('a second call in an outage waits for the same request', async () => {
  const tab = await openAs(newUser());
  await tab.page.route('**/getToken', (route) => route.abort(), { times: 2 });
  const tokens = await tab.page.evaluate(async () => {
    const first = shop.provider().getToken();
    await new Promise((done) => setTimeout(done, 500));
    return Promise.all([first, shop.provider().getToken()]);
  });
  assert.equal(tokens[0].accessToken, tokens[1].accessToken);
  assert.deepEqual(tab.requests, ['getToken', 'getToken', 'getToken']);
});

test('a backend that never responds and a token function that never resolves are tried again after the time-out', async () => {
  const slow = await openAs(newUser(), undefined, { timeout: 300 });
  await slow.page.route('**/getToken', () => {}, { times: 2 });
  assert.match((await slow.token()).entityId, /\S/);
  assert.equal(ours(slow).filter((line) => line.includes('300 ms')).length, 2);

  await slow.page.evaluate(() => {
    shop.session = new Promise(() => {});
  });
  await slow.provide({ token: true, timeout: 300 });
  const late = slow.token();
  await eventually(() => ours(slow).length > 2, 'a warning');
  await slow.setSession(await session(newUser()));
  assert.match((await late).entityId, /\S/);
});

test('while the backend fails, the pauses between calls grow, and last at least as long as Retry-After says', async () => {
  const device = await world.newDevice({ speed: 10 });
  const tab = await openAs(newUser(), device);
  await tab.page.route('**/getToken', (route) => route.fulfill(allowing(problem(503, 'busy'))));
  tab.call('getToken').catch(() => {});
  await tab.page.waitForTimeout(6_000);
  assert.ok(tab.requests.length >= 5 && tab.requests.length <= 20, `${tab.requests.length} calls in a minute`);
  assert.ok(tab.requests.length - ours(tab).length <= 1);

  const asked = await openAs(newUser(), device);
  const expose = { 'Access-Control-Expose-Headers': 'retry-after' };
  await asked.page.route('**/getToken', (route) =>
    route.fulfill(allowing(problem(429, 'rate_limited'), { ...expose, 'Retry-After': '30' })),
  );
  asked.call('getToken').catch(() => {});
  await asked.page.waitForTimeout(2_500);
  assert.equal(asked.requests.length, 1, 'in 25 seconds');
  await eventually(() => asked.requests.length === 2, 'the second call');
});

test('a browser that was offline retries at once when it is online again', async () => {
  const device = await world.newDevice();
  const tab = await openAs(newUser(), device);
  await device.setOffline(true);
  const token = tab.token();
  await eventually(() => ours(tab).length >= 4, 'some failures');
  await device.setOffline(false);
  const start = Date.now();
  assert.match((await token).entityId, /\S/);
  assert.ok(Date.now() - start < 2_000, 'it waited for the end of the pause of 3 s');
});

test('in an outage getToken waits 20 seconds for a fresh token, then returns the token of the page', async () => {
  const device = await world.newDevice({ speed: 10 });
  const tab = await openAs(newUser(), device);
  const old = await tab.token();
  await tab.page.route('**/getFreshToken', (route) => route.abort());
  const [given, waitedMs] = await tab.page.evaluate(async () => {
    const start = Date.now();
    shop.fresh = shop.provider().getFreshToken();
    return [await shop.provider().getToken(), Date.now() - start];
  });
  assert.equal(given.accessToken, old.accessToken);
  assert.ok(waitedMs >= 19_900, `${waitedMs} ms`);
  await tab.page.unroute('**/getFreshToken');
  const fresh = await tab.page.evaluate(() => shop.fresh);
  assert.notEqual(fresh.accessToken, old.accessToken);
  assert.equal((await tab.token()).accessToken, fresh.accessToken);
});

test('in an outage a token that should be renewed is returned until it expires', async () => {
  const tab = await openAs(newUser());
  await tab.page.route(
    '**/getToken',
    (route) =>
      route.fulfill({
        json: { accessToken: 'a', entityId: 'e', expiresIn: 8 * HOUR, tokenType: 'Bearer', creationDate: Date.now() - 7 * HOUR },
        headers: { 'Access-Control-Allow-Origin': shop.origin, 'Access-Control-Expose-Headers': 'date', Date: new Date().toUTCString() },
      }),
    { times: 1 },
  );
  await tab.token();
  await tab.page.route('**/getToken', (route) => route.abort(), { times: 1 });
  assert.equal((await tab.token()).accessToken, 'a');
  assert.deepEqual(tab.requests, ['getToken', 'getToken']);
});

test('an invalidate that does not reach the backend is retried before there is another token', async () => {
  const tab = await openAs(newUser());
  const old = await tab.token();
  await tab.page.route('**/invalidate', (route) => route.abort(), { times: 2 });
  const dropped = tab.call('invalidate');
  const next = await tab.token();
  assert.equal((await dropped).error, undefined);
  assert.notEqual(next.accessToken, old.accessToken);
  assert.equal(next.entityId, old.entityId);
  assert.deepEqual(tab.requests, ['getToken', 'invalidate', 'invalidate', 'invalidate', 'getToken']);
});

test('a logout ends calls that wait in an outage', async () => {
  const tab = await openAs(newUser());
  await tab.page.route('**/getToken', (route) => route.abort());
  const waiting = tab.error();
  await eventually(() => ours(tab).length >= 3, 'some failures');
  assert.equal(await tab.logout(), true);
  assert.equal((await waiting).message, 'logged_out');
  const before = tab.requests.length;
  await tab.page.waitForTimeout(4_000);
  assert.equal(tab.requests.length, before);
});

test('a provider that another one has replaced stops retrying', async () => {
  const tab = await openAs(newUser());
  await tab.page.route('**/getToken', (route) =>
    route.fulfill(allowing(problem(503, 'busy'), { 'Access-Control-Expose-Headers': 'retry-after', 'Retry-After': '60' })),
  );
  const former = tab.error();
  await eventually(() => ours(tab).length >= 1, 'a failure');
  await tab.setSession(await session(newUser()));
  await tab.provide({ token: true });
  await tab.call('hasToken');
  assert.equal((await former).message, 'temporarily_unavailable');
  assert.deepEqual(tab.requests, ['getToken']);
});

for (const what of ['throws', 'rejects', 'never resolves']) {
  test(`after a logout, a token function that ${what} is not called again`, async () => {
    const tab = await openAs(newUser());
    await tab.token();
    await tab.page.route('**/getFreshToken', (route) => route.abort());
    const waiting = tab.error('getFreshToken');
    await eventually(() => ours(tab).length >= 2, 'failures');
    await tab.page.evaluate((kind) => {
      shop.asked = 0;
      shop.ask = () => {
        shop.asked += 1;
        if (kind === 'throws') throw new Error('no session');
        return kind === 'rejects' ? Promise.reject(new Error('no session')) : new Promise(() => {});
      };
    }, what);
    tab.page.evaluate(() => void shop.provider.logout());
    assert.equal((await waiting).message, 'logged_out');
    const asked = await tab.page.evaluate(() => shop.asked);
    for (const operation of ['getToken', 'getFreshToken']) assert.equal((await tab.error(operation)).message, 'logged_out');
    assert.equal(await tab.page.evaluate(() => shop.asked), asked);
  });
}

// ---- the end of a session

test('after a refusal the page has 20 seconds to renew its session, and the chat continues', async () => {
  const user = newUser();
  const device = await world.newDevice({ speed: 5 });
  const tab = await openAs(user, device);
  const { entityId } = await tab.token();
  await tab.setSession('expired');
  const fresh = tab.token('getFreshToken');
  await eventually(() => ours(tab).length === 1, 'the refusal');
  await tab.page.waitForTimeout(2_000);
  assert.equal(await tab.page.evaluate(() => shop.logouts), 0);
  await tab.setSession(await session(user));
  assert.equal((await fresh).entityId, entityId);
  assert.deepEqual(tab.requests, ['getToken', 'getFreshToken', 'getFreshToken']);
  await tab.page.waitForTimeout(5_000);
  assert.equal(await tab.page.evaluate(() => shop.logouts), 0);
});

test('with a session cookie, which the script cannot see, the request is retried once', async () => {
  const device = await world.newDevice({ speed: 5 });
  const tab = await shop.open(device);
  await tab.provide({ credentials: 'include' });
  const withCookies = { 'Access-Control-Allow-Credentials': 'true' };
  const body = { accessToken: 'a', entityId: 'e', expiresIn: 8 * HOUR, tokenType: 'Bearer', creationDate: Date.now() };
  await tab.page.route('**/getToken', (route) => route.fulfill(allowing({ body: JSON.stringify(body) }, withCookies)));
  await tab.token();
  await tab.page.route('**/getFreshToken', (route) => route.fulfill(allowing(problem(401, 'unauthenticated'), withCookies)));
  assert.equal((await tab.error('getFreshToken')).message, 'unauthenticated');
  assert.deepEqual(tab.requests, ['getToken', 'getFreshToken', 'getFreshToken']);
  await tab.page.waitForFunction(() => shop.logouts === 1);
});

test('a slow token function still renews the session', async () => {
  const user = newUser();
  const tab = await openAs(user, await world.newDevice({ speed: 5 }));
  const { entityId } = await tab.token();
  await tab.setSession('expired');
  const fresh = tab.token('getFreshToken');
  await eventually(() => ours(tab).length === 1, 'the refusal');
  await tab.page.evaluate(() => {
    shop.ask = async () => {
      await new Promise((done) => setTimeout(done, 3_500));
      return shop.session;
    };
  });
  await tab.setSession(await session(user));
  assert.equal((await fresh).entityId, entityId);
  assert.equal(await tab.page.evaluate(() => shop.logouts), 0);
});

test('a page that never had a token gets the refusal at once, and onLogout is not called', async () => {
  const tab = await openAs(newUser());
  await tab.setSession('wrong');
  assert.equal((await tab.error()).status, 401);
  await tab.page.waitForTimeout(500);
  assert.equal(await tab.page.evaluate(() => shop.logouts), 0);
});

test('a logout succeeds even if onLogout throws', async () => {
  const tab = await openAs(newUser());
  await tab.page.evaluate(() => {
    shop.sdk = {
      destroy() {
        throw new Error('destroyed already');
      },
    };
  });
  await tab.token();
  assert.equal(await tab.logout(), true);
  assert.ok(tab.console.some((line) => line.includes('destroyed already')));
});

test('without a user and without guests: no call, no warning, and the SDK stops', async () => {
  const tab = await shop.open(await world.newDevice());
  await tab.provide({ token: true });
  const error = await tab.error();
  assert.deepEqual([error.code, error.message], [IDENTITY, 'unauthenticated']);
  assert.deepEqual(await tab.connect(), { reason: 'unauthenticated' });
  assert.deepEqual([tab.requests, tab.console.filter((line) => line.startsWith('livechat-cip'))], [[], []]);
});

test('a logout forgets the guest, even if another tab has created a new one since', async () => {
  const device = await world.newDevice();
  const visitor = await shop.open(device);
  await visitor.provide({ token: true, guest: true });
  await visitor.token();
  const user = await openAs(newUser(), device, { guest: true });
  await user.token();
  const other = await visitor.token('getFreshToken');
  assert.equal(await user.logout(), true);
  const next = await shop.open(device);
  await next.provide({ token: true, guest: true });
  assert.notEqual((await next.token()).entityId, other.entityId);
});

test('a logout after the end of the session returns false each time, because the backend cannot be told', async () => {
  const tab = await openAs(newUser());
  await tab.token();
  await tab.setSession(undefined);
  assert.deepEqual(await tab.page.evaluate(() => Promise.all([shop.provider.logout(), shop.provider.logout()])), [false, false]);
});

test('a logout without a user or guest makes no request and returns true', async () => {
  const tab = await shop.open(await world.newDevice());
  for (const options of [{ token: true }, { token: true, guest: true }]) {
    await tab.provide(options);
    assert.equal(await tab.logout(), true);
  }
  assert.deepEqual(tab.requests, []);
});

test('invalid options are refused with the name of the option', async () => {
  const tab = await shop.open(await world.newDevice());
  for (const [options, text] of [
    [{ baseUrl: '' }, /baseUrl/],
    [{ user: '' }, /user/],
    [{ user: '..' }, /user/],
    [{ userHash: 'a' }, /userHash.*user/],
    [{ cache: 'session', token: 'x' }, /cache.*user/],
    [{ cache: 'session' }, /cache.*user/],
  ]) {
    await assert.rejects(tab.provide(options), (error) => text.test(error.message) && error.message.includes('createIdentityProvider'));
  }
});

// ---- guests, logins, logouts

test('a guest is the same guest on the next page, and becomes the user who logs in', async () => {
  const device = await world.newDevice();
  const visitor = await shop.open(device);
  await visitor.provide({ token: true, guest: true });
  const customer = await visitor.connect();

  const next = await shop.open(device);
  await next.provide({ token: true, guest: true });
  assert.equal((await next.token()).entityId, customer);

  const user = newUser();
  const loggedIn = await openAs(user, device, { guest: true });
  assert.equal(await loggedIn.connect(), customer);
  assert.equal((await (await openAs(user)).token()).entityId, customer, 'on another device');
  assert.equal((await sandbox.state()).customers, 1);
});

test('two tabs of a first visit are one guest', async () => {
  const device = await world.newDevice();
  const tabs = await Promise.all([1, 2, 3].map(() => shop.open(device)));
  const tokens = await Promise.all(
    tabs.map(async (tab) => {
      await tab.provide({ token: true, guest: true });
      return tab.token();
    }),
  );
  assert.equal(new Set(tokens.map(({ entityId }) => entityId)).size, 1);
  assert.equal((await sandbox.state()).customers, 1);
});

test('a tab of the guest who became a user creates a new guest', async () => {
  const device = await world.newDevice();
  const visitor = await shop.open(device);
  await visitor.provide({ token: true, guest: true });
  const before = await visitor.token();
  await (await openAs(newUser(), device, { guest: true })).token();

  const after = await visitor.token('getFreshToken');
  assert.notEqual(after.entityId, before.entityId);
  assert.equal((await visitor.token()).entityId, after.entityId);
});

test('a login without a guest before it creates no guest', async () => {
  const device = await world.newDevice();
  const tab = await openAs(newUser(), device, { guest: true });
  await tab.token();
  assert.equal(await tab.page.evaluate(() => localStorage.length), 0);
});

test('a logout ends the identity in all tabs and revokes the token, and the next guest is another customer', async () => {
  const device = await world.newDevice();
  const user = newUser();
  const visitor = await shop.open(device);
  await visitor.provide({ token: true, guest: true });
  await visitor.token();

  const [one, two] = [await openAs(user, device, { guest: true }), await openAs(user, device, { guest: true })];
  const customer = await one.connect();
  await two.connect();
  const { accessToken } = await one.token();

  assert.equal(await one.logout(), true);
  await two.page.waitForFunction(() => shop.logouts === 1);
  for (const tab of [one, two]) {
    assert.equal(await tab.page.evaluate(() => shop.logouts), 1);
    const before = tab.requests.length;
    const error = await tab.error();
    assert.deepEqual([error.code, error.message], [IDENTITY, 'logged_out']);
    assert.deepEqual(await tab.call('hasToken'), { value: false });
    assert.equal((await tab.call('invalidate')).error, undefined);
    assert.equal(tab.requests.length, before, 'calls after the logout');
    assert.ok(!JSON.stringify(await tab.events()).includes('connection_restored'));
  }
  const info = await fetch(`${sandbox.url}/v2/customer/info`, { headers: { authorization: `Bearer ${accessToken}` } });
  assert.equal(info.ok, false, 'LiveChat still accepts the token');

  const next = await shop.open(device);
  await next.provide({ token: true, guest: true });
  assert.notEqual((await next.token()).entityId, customer);
  assert.equal((await (await openAs(user)).token()).entityId, customer, 'the user on another device');
});

test('a logout returns whether LiveChat has revoked the tokens, and a second logout revokes them', async () => {
  const works = async ({ accessToken }) =>
    (await fetch(`${sandbox.url}/v2/customer/info`, { headers: { authorization: `Bearer ${accessToken}` } })).ok;
  const user = newUser();
  const tokens = [];
  for (const group of [null, 3]) {
    const tab = await openAs(user, undefined, { group });
    tokens.push(await tab.token('getFreshToken'), await tab.token('getFreshToken'));
  }
  // A logout on a page of one group ends the identities in all groups.
  const tab = await openAs(user, undefined, { group: 3 });
  await tab.token();
  await sandbox.set({ revocation: 'http_500' });
  assert.equal(await tab.logout(), false);
  assert.deepEqual(await Promise.all(tokens.map(works)), [true, true, true, true]);
  await sandbox.set({ revocation: 'token' });
  // The backend waits before it calls LiveChat again.
  await eventually(() => tab.logout(), 'LiveChat has revoked the tokens');
  assert.deepEqual(await Promise.all(tokens.map(works)), [false, false, false, false]);
  const before = tab.requests.length;
  assert.equal(await tab.logout(), true);
  assert.equal(tab.requests.length, before, 'a third logout makes no request');
  assert.equal(await tab.page.evaluate(() => shop.logouts), 1);
});

test('a logout that does not reach the backend still ends the identity in this browser', async () => {
  const tab = await openAs(newUser());
  await tab.token();
  await tab.page.route('**/invalidate', (route) => route.abort());
  assert.equal(await tab.logout(), false);
  assert.equal((await tab.error()).message, 'logged_out');
  assert.equal(await tab.page.evaluate(() => shop.logouts), 1);
});

test('a logout in the pause after failures reaches the backend', async () => {
  const tab = await openAs(newUser());
  await tab.token();
  await tab.page.route('**/getFreshToken', (route) => route.abort());
  tab.call('getFreshToken').catch(() => {});
  await eventually(() => ours(tab).length >= 2, 'failures');
  assert.equal(await tab.logout(), true);
});

test('a response after the logout is not returned', async () => {
  const tab = await openAs(newUser());
  const { release, held } = await holdResponse(tab, 'getToken');
  const late = tab.error();
  await held();
  await tab.logout();
  release();
  assert.equal((await late).message, 'logged_out');
});

test('a logout does not call onLogout of a provider that was replaced on its page (guards against: the next widget is destroyed)', async () => {
  const tab = await shop.open(await world.newDevice());
  await tab.provide({ token: true, guest: true });
  await tab.token();
  await tab.setSession(await session(newUser()));
  await tab.provide({ token: true, guest: true });
  await tab.token();
  await tab.logout();
  await tab.setSession(undefined);
  await tab.provide({ token: true, guest: true });
  await tab.token();
  assert.equal(await tab.page.evaluate(() => shop.logouts), 1);
});

test('a running call still resolves after its provider is replaced, and the former provider can still log out', async () => {
  const device = await world.newDevice();
  const user = newUser();
  const [tab, other] = [await openAs(user, device), await openAs(user, device)];
  await other.token();
  const { release, held } = await holdResponse(tab, 'getToken');
  const early = tab.token();
  await held();
  await tab.page.evaluate(() => {
    shop.former = shop.provider;
  });
  await tab.provide({ token: true });
  await tab.call('hasToken');
  release();
  assert.match((await early).entityId, /\S/);

  assert.equal(await tab.page.evaluate(() => shop.former.logout()), true);
  await other.page.waitForFunction(() => shop.logouts === 1);
  await eventually(async () => (await tab.call('getToken')).error?.message === 'logged_out', 'the end of the latest provider');
});

test('a backend that refuses every guest with guest_gone is called twice, not endlessly', async () => {
  const tab = await shop.open(await world.newDevice());
  await tab.page.route('**/getToken', (route) =>
    route.fulfill({ ...problem(410, 'guest_gone'), headers: { 'Access-Control-Allow-Origin': shop.origin } }),
  );
  await tab.provide({ token: true, guest: true });
  const error = await tab.error();
  assert.deepEqual([error.code, error.message, tab.requests.length], [IDENTITY, 'guest_gone', 2]);
});

test('scopes of one origin have separate guests and logouts', async () => {
  const device = await world.newDevice();
  const [a, b] = [await shop.open(device), await shop.open(device)];
  await a.provide({ token: true, guest: true, scope: 'a' });
  await b.provide({ token: true, guest: true, scope: 'b' });
  const [ofA, ofB] = [await a.token(), await b.token()];
  assert.notEqual(ofA.entityId, ofB.entityId);
  await a.logout();
  assert.equal((await b.token()).entityId, ofB.entityId);
});

// ---- tabs

test('a fresh token of one tab reaches the other tabs of the user', async () => {
  const device = await world.newDevice();
  const user = newUser();
  const [one, two, stranger] = [await openAs(user, device), await openAs(user, device), await openAs(newUser(), device)];
  await one.token();
  await two.token();
  const other = await stranger.token();

  const fresh = await one.token('getFreshToken');
  await eventually(async () => (await two.token()).accessToken === fresh.accessToken, 'the fresh token in the other tab');
  assert.deepEqual(two.requests, ['getToken']);
  assert.equal((await stranger.token()).accessToken, other.accessToken, "another user's tab keeps its token");
});

// ---- the page

test('the warning names the origin that the backend may not allow (guards against: "Failed to fetch" alone)', async () => {
  const tab = await shop.open(await world.newDevice());
  const other = shop.origin.replace('localhost', '127.0.0.1');
  world.origins.add(other);
  await tab.page.goto(other);
  await tab.provide({ token: await session(newUser()) });
  await tab.page.evaluate(() => void shop.call('getToken'));
  const hint = `livechat-cip: getToken: Request failed: TypeError: Failed to fetch. Is the backend running, and is ${other} in its ALLOWED_ORIGINS?`;
  await eventually(
    () => tab.console.includes(hint),
    () => `the hint in ${tab.console}`,
  );
});

test('on the origin of the backend, the warning does not name CORS', async () => {
  const tab = await shop.open(await world.newDevice());
  await tab.page.goto(local.api);
  await tab.page.route('**/getToken', (route) => route.abort());
  await tab.page.evaluate(async () => {
    const { createIdentityProvider } = await import('/livechat-cip.js');
    for (const baseUrl of [location.origin, '/']) createIdentityProvider({ baseUrl, token: 'any', scope: baseUrl })().getToken();
  });
  const warnings = () => tab.console.filter((line) => line.includes('Request failed'));
  await eventually(
    () => warnings().length >= 2,
    () => `two warnings in ${tab.console}`,
  );
  assert.deepEqual(new Set(warnings()), new Set(['livechat-cip: getToken: Request failed: TypeError: Failed to fetch.']));
});

test('the script does not violate a strict Content-Security-Policy', async () => {
  const tab = await openAs(newUser());
  await tab.connect();
  await tab.logout();
  assert.deepEqual(await tab.page.evaluate(() => shop.violations), []);
});

test('the build for pages without modules works', async () => {
  const tab = await shop.open(await world.newDevice(), '/classic');
  await tab.provide({ token: await session(newUser()) });
  assert.match((await tab.token()).entityId, /\S/);
});
