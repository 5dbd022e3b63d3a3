// The timeline on the page of `cargo local`: what each call did, as a drawing, in words and as a table.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { devicesAreReady, newUser, startWorld } from './helpers/world.mjs';

const world = await startWorld();
const { sandbox } = world;

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or script errors');
});
after(() => world.stop());

/** Opens the page. With `events`, it gets these instead of the server's. */
async function openPage({ events, ...media } = {}) {
  const page = await (await world.newDevice()).newPage();
  await page.emulateMedia(media);
  if (events) {
    const body = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
    await page.route('**/dev/calls', (route) => route.abort(), { times: 1 });
    await page.route('**/dev/calls', (route) => route.fulfill({ contentType: 'text/event-stream', body }), { times: 1 });
  }
  await page.goto(world.local.api);
  await devicesAreReady(page);
  const root = page.locator('#timeline');
  const marks = (kind) => root.locator(`svg[role=img] .${kind}`);
  return {
    page,
    root,
    marks,
    says: (text) => root.locator('.summary', { hasText: text }).waitFor(),
    /** The text of each row of the table. */
    async table() {
      await root.locator('summary').press('Enter');
      await root.locator('tbody tr').first().waitFor();
      return root.locator('tbody tr').allInnerTexts();
    },
    async logIn(title, user) {
      const device = page.frameLocator(`iframe[title=${title}]`);
      await device.getByLabel('User name').fill(user);
      await device.getByRole('button', { name: 'Log in' }).click();
      await device.getByText(`Logged in as “${user}”`).waitFor();
      return device;
    },
  };
}

test('before the first call, nothing is drawn', async () => {
  const { root } = await openPage();
  await root.getByText('No calls yet.').waitFor();
  assert.equal(await root.locator('svg').isVisible(), false);
});

test('ten simultaneous calls of a new user: one calls LiveChat, and the others wait for it or find its token', async () => {
  await sandbox.set({ latencyMs: 300 });
  const { page, root, marks, says, table } = await openPage();
  await page.locator('#try').click();
  await says('So 10 calls got one customer.');
  assert.equal(await marks('row').count(), 10);
  assert.equal(await marks('livechat').and(page.locator('rect')).count(), 1);
  const refused = await marks('mark.refused').count();
  assert.ok(refused >= 1 && refused <= 9, `${refused} refused writes`);
  const waited = await marks('branch.good').count();
  assert.ok(waited >= 1 && waited <= refused, `${waited} calls got the result of the holder`);

  const rows = await table();
  assert.equal(rows.length, 10);
  const holder = rows.findIndex((row) => row.includes('acquire: acquired, lease 1')) + 1;
  const others = rows.filter((_, i) => i + 1 !== holder);
  for (const row of others)
    assert.match(row, new RegExp(`refused, lease 1 is held by call ${holder}|acquire: refused\\n|200 from the table`));
  assert.equal(others.filter((row) => row.includes('refused')).length, refused);
  const sentence = await root.locator('.summary').innerText();
  assert.match(sentence, new RegExp(`^10 calls, one LiveChat call\\. Call ${holder} acquired lease 1 and called LiveChat\\.`));
  await root.getByRole('img', { name: sentence, exact: true }).waitFor();
});

test('a call shows while it runs', async () => {
  await sandbox.set({ latencyMs: 2_000 });
  const { says, marks, logIn } = await openPage();
  await logIn('Laptop', newUser());
  await says('It acquired lease 1 and is calling LiveChat.');
  const width = () => marks('livechat').first().getAttribute('width');
  assert.equal(await marks('mark.response').count(), 0);
  assert.ok(Number(await width()) > 0);
  await says('It acquired lease 1 and called LiveChat.');
  assert.equal(await marks('mark.response').count(), 1);
});

test('with less motion, a drawing changes only when something has happened', async () => {
  await sandbox.set({ latencyMs: 2_500 });
  const { page, says, marks, logIn } = await openPage({ reducedMotion: 'reduce' });
  await logIn('Laptop', newUser());
  await says('is calling LiveChat.');
  // Later frames could only show that time has passed.
  const before = await marks('livechat').first().elementHandle();
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  assert.ok(await before.evaluate((node) => node.isConnected), 'it was drawn again');
  await says('and called LiveChat.');
});

test('a failure of LiveChat and a logout are told apart from a success', async () => {
  const { page, says, marks, logIn } = await openPage();
  await sandbox.fail('http_503', 2);
  const device = await logIn('Laptop', newUser());
  await says('called LiveChat, which failed: status 503.');
  await marks('livechat-failed').first().waitFor();
  await device.locator('[data-known=true]').waitFor({ timeout: 20_000 });

  await page.waitForTimeout(2_500);
  await device.getByRole('button', { name: 'Log out' }).click();
  await says('logged the user out, and LiveChat revoked the tokens.');
});

test('calls after a pause start a new drawing, and unknown steps are shown by their names', async () => {
  const step = (call, atMs, name, result) => [
    { call, atMs, type: 'begin', step: name },
    { call, atMs: atMs + 1, type: 'end', step: name, result },
  ];
  const events = [
    { call: 1, atMs: 10, type: 'request', operation: 'hasToken', from: 'phone' },
    ...step(1, 11, 'read', 'token'),
    { call: 1, atMs: 13, type: 'response', status: 200, user: 'alice', source: null, code: null },
    { call: 2, atMs: 1_600, type: 'request', operation: 'getToken', from: null },
    ...step(2, 1_601, 'teleport', 'arrived'),
    ...step(2, 1_603, 'record', 'failed'),
    { call: 2, atMs: 1_605, type: 'response', status: 503, user: 'a guest', source: null, code: 'store_unavailable' },
  ];
  const { root, marks, says, table } = await openPage({ events });
  await says('One call, no LiveChat call. It failed: store_unavailable.');
  assert.equal(await marks('row').count(), 1);
  const [row] = await table();
  assert.match(row, /\+2\.0 ms teleport: arrived\s+\+4\.0 ms record: failed/);
  await root.getByText('getToken for a guest').waitFor();
  await root.getByText('No connection to cargo local.').waitFor();
});
