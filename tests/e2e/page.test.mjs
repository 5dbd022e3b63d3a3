// The page of `cargo local`: two devices side by side.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { assertNothingLeaked } from './helpers/leaks.mjs';
import { newUser, startWorld } from './helpers/world.mjs';

const world = await startWorld();
const { sandbox } = world;

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or script errors');
});
after(() => world.stop());

/** The page, with what a person sees and does on it. */
async function openPage() {
  const page = await (await world.newDevice()).newPage();
  await page.goto(world.local.api);
  const device = (name) => {
    const root = page.locator(`#device-${name}`);
    return {
      become: (user) => root.locator('[name=user]').fill(user),
      /** Presses the operation's button; resolves with the new row of the log. */
      async press(operation) {
        const rows = page.locator('#log tbody tr[data-source]');
        const before = await rows.count();
        await root.locator(`[data-operation=${operation}]`).click();
        await rows.nth(before).waitFor();
        const latest = rows.first();
        return { source: await latest.getAttribute('data-source'), text: await latest.innerText() };
      },
      entityId: () => root.locator('[data-entity-id]').innerText(),
    };
  };
  return { page, a: device('a'), b: device('b'), verdict: (kind) => page.locator(`#verdict[data-verdict=${kind}]`).waitFor() };
}

test('the page says that the sandbox is not LiveChat', async () => {
  const { page } = await openPage();
  await page.getByText('not LiveChat').filter({ visible: true }).first().waitFor();
});

test('one user has the same entity on both devices, and the second call comes from the store', async () => {
  const { a, b, verdict } = await openPage();
  const user = newUser();
  await a.become(user);
  await b.become(user);

  assert.equal((await a.press('getToken')).source, 'livechat');
  assert.equal((await a.press('getToken')).source, 'store');
  assert.equal((await b.press('getToken')).source, 'store');

  const entityId = await a.entityId();
  assert.match(entityId, /\S/);
  assert.equal(await b.entityId(), entityId);
  await verdict('same');
  assert.equal((await sandbox.state()).customers, 1);
});

test('two users have two entities', async () => {
  const { a, b, verdict } = await openPage();
  await a.become(newUser('ann'));
  await b.become(newUser('ben'));
  await a.press('getToken');
  await b.press('getToken');

  assert.notEqual(await a.entityId(), await b.entityId());
  await verdict('two');
});

test('each operation has a button, and renewal keeps the entity', async () => {
  const { a, b, verdict } = await openPage();
  const user = newUser();
  await a.become(user);
  await b.become(user);

  assert.match((await a.press('hasToken')).text, /\b200\b.*\bfalse\b/s);
  await a.press('getToken');
  assert.match((await a.press('hasToken')).text, /\b200\b.*\btrue\b/s);
  assert.match((await a.press('invalidate')).text, /\b200\b.*\bnull\b/s);
  assert.match((await a.press('hasToken')).text, /\b200\b.*\bfalse\b/s);
  assert.equal((await b.press('getFreshToken')).source, 'livechat');
  await verdict('same');
  assert.equal((await sandbox.state()).customers, 1);
});

test('"Try it": ten simultaneous calls of a new user make one customer', async () => {
  await sandbox.set({ latencyMs: 150 });
  const { page } = await openPage();
  await page.locator('#try').click();
  await page.locator('#try-result [data-ok]').waitFor();
  assert.equal(await page.locator('#try-result [data-ok]').getAttribute('data-ok'), 'true');
  assert.equal((await sandbox.state()).customers, 1);
});

test('a failure of LiveChat shows as what it is, and is over when LiveChat is back', async () => {
  await sandbox.fail('http_503', 1_000);
  const { a } = await openPage();
  await a.become(newUser());
  assert.match((await a.press('getToken')).text, /\b503\b.*livechat_unavailable/s);

  await sandbox.reset();
  assert.equal((await a.press('getToken')).source, 'livechat');
});

test('no LiveChat cookie reached the browser or the log, and no token or user id the log', async () => {
  await world.stop();
  assertNothingLeaked(world);
});
