// LiveChat's real Customer SDK in real browsers, with `cargo local` behind its identity provider.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { assertNothingLeaked } from './helpers/leaks.mjs';
import { newUser, startWorld } from './helpers/world.mjs';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const world = await startWorld();
const { livechat, sandbox } = world;

/** The SDK calls getToken twice at the same time, and either response may be first. */
const firstResponse = (calls, name) => calls.find((call) => call.operation === name && 'status' in call);

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or unexpected frames');
});
after(() => world.stop());

test('two devices of one user log in as one customer (guards against: an identity per device)', async () => {
  const user = newUser();
  const phone = await world.visit(await world.newDevice(), user);
  const laptop = await world.visit(await world.newDevice(), user);

  const onPhone = await phone.login();
  const onLaptop = await laptop.login();

  assert.equal(onLaptop, onPhone);
  assert.equal((await sandbox.state()).customers, 1);
});

test("two users on one device log in as two customers (guards against: another user's token)", async () => {
  const device = await world.newDevice();
  const ann = await (await world.visit(device, newUser('ann'))).login();
  const ben = await (await world.visit(device, newUser('ben'))).login();

  assert.notEqual(ben, ann);
  assert.equal((await sandbox.state()).customers, 2);
});

test('20 simultaneous page loads of one new user create one customer (guards against: an identity forked by concurrent first visits)', async () => {
  await sandbox.set({ latencyMs: 150 });
  const user = newUser();
  const fourTabs = async () => {
    const device = await world.newDevice();
    return Promise.all(Array.from({ length: 4 }, () => world.visit(device, user)));
  };
  const visits = (await Promise.all(Array.from({ length: 5 }, fourTabs))).flat();

  const customers = await Promise.all(visits.map((visit) => visit.login()));

  assert.equal(customers.length, 20);
  assert.equal(new Set(customers).size, 1);
  const { customers: created, calls } = await sandbox.state();
  assert.deepEqual({ created, tokenCalls: calls.token }, { created: 1, tokenCalls: 1 });
});

test('a token expires 28800000 ms from now, so the next page load uses it again (guards against: expiresIn in seconds)', async () => {
  const user = newUser();
  const device = await world.newDevice();
  const first = await world.visit(device, user);
  await first.login();
  const second = await world.visit(device, user);
  await second.login();

  await second.responded('getToken', 2);

  const { result: token, respondedAt } = firstResponse(await first.calls(), 'getToken');
  assert.equal(token.expiresIn, 28_800_000);
  assert.ok(Math.abs(respondedAt - token.creationDate) < MINUTE, `creationDate ${token.creationDate}, response at ${respondedAt}`);
  assert.equal(token.tokenType, 'Bearer');
  assert.equal(token.organizationId, world.local.config.organizationId);

  assert.deepEqual(await second.operations(), ['hasToken', 'getToken', 'getToken']);
  assert.equal(second.logins[0].accessToken, first.logins[0].accessToken);
  assert.equal((await sandbox.state()).calls.token, 1);
});

test('a token with under an hour left is renewed for the same customer (guards against: an invalidate that forgets the identity)', async () => {
  await sandbox.set({ expiresIn: (50 * MINUTE) / SECOND });
  const user = newUser();
  const device = await world.newDevice();
  const old = await (await world.visit(device, user)).call('getToken');

  const visit = await world.visit(device, user);
  assert.equal(await visit.login(), old.entityId);
  await visit.responded('getFreshToken');

  const calls = await visit.calls();
  const operations = calls.map(({ operation }) => operation);
  assert.deepEqual(operations.toSorted(), ['getFreshToken', 'getToken', 'getToken', 'hasToken', 'invalidate']);
  assert.ok(operations.indexOf('invalidate') < operations.indexOf('getFreshToken'), String(operations));
  const resultOf = (name) => firstResponse(calls, name).result;
  assert.equal(resultOf('hasToken'), true);
  assert.equal(resultOf('invalidate'), null);
  const fresh = resultOf('getFreshToken');
  assert.equal(fresh.entityId, old.entityId);
  assert.notEqual(fresh.accessToken, old.accessToken);

  assert.equal((await visit.call('getToken')).accessToken, fresh.accessToken, 'getToken after getFreshToken');
  assert.equal((await sandbox.state()).customers, 1);
});

test('a login that LiveChat refuses is repeated once, with a newer token (guards against: endless logins with the old token)', async () => {
  livechat.refuseTokenOfNextLogin();
  const user = newUser();
  const device = await world.newDevice();
  const old = await (await world.visit(device, user)).call('getToken');

  const visit = await world.visit(device, user);
  // The SDK does not wait for getFreshToken. If getToken is faster, it gets the older token, and the login is refused again. So hold it.
  let fresh;
  visit.page.on('request', (request) => {
    if (request.url().includes('/getFreshToken/')) fresh = request.response();
  });
  await visit.page.route('**/getToken/*', async (route) => {
    await fresh;
    await route.fallback();
  });
  assert.equal(await visit.login(), old.entityId);
  await visit.responded('getToken', 3);
  await visit.responded('getFreshToken');

  const [refused, accepted, ...more] = visit.logins;
  assert.deepEqual(more, [], 'logins after the one that succeeded');
  assert.deepEqual(refused, { accessToken: old.accessToken, customerId: null });
  assert.equal(accepted.customerId, old.entityId);

  const calls = await visit.calls();
  const operations = calls.map(({ operation }) => operation);
  assert.deepEqual(operations.toSorted(), ['getFreshToken', 'getToken', 'getToken', 'getToken', 'hasToken']);
  assert.ok(operations.indexOf('getFreshToken') < operations.lastIndexOf('getToken'), String(operations));
  const newer = firstResponse(calls, 'getFreshToken').result;
  assert.equal(accepted.accessToken, newer.accessToken, 'getToken after getFreshToken');
  assert.ok(newer.creationDate > old.creationDate, 'a newer token');
  assert.equal((await sandbox.state()).customers, 1);
});

test("a returning user logs in while LiveChat's account service is down (guards against: needless token calls)", async () => {
  const user = newUser();
  const device = await world.newDevice();
  const customer = await (await world.visit(device, user)).login();

  await sandbox.fail('http_503', 1_000);
  const visit = await world.visit(await world.newDevice(), user);

  assert.equal(await visit.login(), customer);
  await visit.responded('getToken', 2);
  for (const { operation, status, cacheStatus } of await visit.calls()) {
    assert.equal(status, 200, operation);
    if (operation === 'getToken') assert.match(cacheStatus, /^livechat-cip; hit/);
  }
});

test('a new user logs in as soon as LiveChat is back (guards against: a crash, or a failure that is remembered)', async () => {
  await sandbox.fail('http_503', 1_000);
  const visit = await world.visit(await world.newDevice(), newUser());
  const login = visit.login();
  await visit.responded('getToken');
  const { status, contentType, result } = firstResponse(await visit.calls(), 'getToken');
  assert.equal(status, 503);
  assert.match(contentType, /^application\/problem\+json/);
  assert.equal(result.code, 'livechat_unavailable');
  assert.equal(visit.logins.length, 0, 'no login without a token');

  await sandbox.reset();

  assert.ok(await login);
  assert.equal((await sandbox.state()).customers, 1);
});

test('a user id with slashes, spaces, percent signs and emoji logs in (guards against: a user id that breaks the path)', async () => {
  const user = newUser('a/../b c%2F?d#e+ünï🙂@example.com');
  const phone = await (await world.visit(await world.newDevice(), user)).login();
  const laptop = await (await world.visit(await world.newDevice(), user)).login();
  assert.equal(laptop, phone);
});

test('no LiveChat cookie is in a browser or the log, and no token or user id is in the log (guards against: a two-year credential in the open)', async () => {
  await world.stop();
  assertNothingLeaked(world);
});
