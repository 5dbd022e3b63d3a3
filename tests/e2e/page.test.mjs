// The page of `cargo local`: two devices side by side, each with a chat.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { assertNothingLeaked } from './helpers/leaks.mjs';
import { devicesAreReady, newUser, startWorld } from './helpers/world.mjs';

const world = await startWorld();
const { sandbox } = world;

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or script errors');
});
after(() => world.stop());

/** Opens the page. Returns what a person sees and does on it. */
async function openPage({ viewport, colorScheme } = {}) {
  const page = await (await world.newDevice()).newPage();
  if (viewport) await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  await page.goto(world.local.api);
  await devicesAreReady(page);
  const rows = page.locator('#log tbody tr[data-source]');
  const device = (title) => {
    const root = page.frameLocator(`iframe[title=${title}]`);
    return {
      root,
      async logIn(user) {
        await root.getByLabel('User name').fill(user);
        await root.getByRole('button', { name: 'Log in' }).click();
        await root.getByText(`Logged in as “${user}”`).waitFor();
      },
      /** Logs in, and waits for the chat's call of getToken; resolves with its row of the log. */
      async begin(user) {
        const before = await rows.count();
        await this.logIn(user);
        return this.row(before);
      },
      /** The first row of the log after `before` others. */
      async row(before) {
        await rows.nth(before).waitFor();
        const row = rows.first();
        return { source: await row.getAttribute('data-source'), text: await row.innerText() };
      },
      async openInternals() {
        if (!(await root.locator('#internals').evaluate((internals) => internals.open))) await root.locator('summary').click();
      },
      /** Presses the operation's button. Resolves with the line that the device then shows. */
      async press(operation) {
        await this.openInternals();
        await root.locator(`[data-operation=${operation}]`).click();
        const state = root.locator('#state', { hasText: operation });
        await state.waitFor();
        return state.innerText();
      },
      async write(text) {
        await root.getByLabel('Message', { exact: true }).fill(text);
        await root.getByRole('button', { name: 'Send' }).click();
      },
      shows: (text) => root.getByRole('log').getByText(text, { exact: true }).waitFor(),
      messages: () => root.locator('#chat li p').allInnerTexts(),
      entityId: () => root.locator('[data-entity-id]').textContent(),
    };
  };
  const verdict = (kind) => page.locator(`#verdict[data-verdict=${kind}]`).waitFor();
  return { page, rows, a: device('Laptop'), b: device('Phone'), verdict };
}

test('the page says that the sandbox is not LiveChat, and the chat says that it is a stand-in', async () => {
  const { page, a, b } = await openPage();
  await page.getByText('not LiveChat').filter({ visible: true }).first().waitFor();
  for (const { root } of [a, b]) await root.getByText('stands in for LiveChat’s widget').waitFor();
});

test('one user has the same entity on both devices, and the second call comes from the store', async () => {
  const { a, b, rows, verdict } = await openPage();
  const user = newUser();
  assert.equal((await a.begin(user)).source, 'livechat');
  assert.equal((await b.begin(user)).source, 'store');

  const entityId = await a.entityId();
  assert.match(entityId, /\S/);
  assert.equal(await b.entityId(), entityId);
  await verdict('same');
  assert.match(await a.press('getToken'), /no request was made/);
  assert.equal(await rows.count(), 2);
  assert.equal((await sandbox.state()).customers, 1);
});

test('a message that is written on one device shows on the other (guards against: two chats of one person)', async () => {
  const { a, b } = await openPage();
  const user = newUser();
  await a.logIn(user);
  await b.logIn(user);
  await a.write('from the laptop');
  await b.shows('from the laptop');
  await b.write('from the phone');
  await a.shows('from the phone');
  await b.shows('from the phone');
  assert.deepEqual(await a.messages(), ['from the laptop', 'from the phone']);
  assert.deepEqual(await b.messages(), ['from the laptop', 'from the phone']);
});

test('two users have two entities and two chats', async () => {
  const { a, b, verdict } = await openPage();
  await a.begin(newUser('ann'));
  await b.begin(newUser('ben'));

  assert.notEqual(await a.entityId(), await b.entityId());
  await verdict('two');
  await a.write('ann’s');
  await a.shows('ann’s');
  await b.write('ben’s');
  await b.shows('ben’s');
  assert.deepEqual(await b.messages(), ['ben’s']);
});

test('there is no chat before the login and after the logout', async () => {
  const { a, rows } = await openPage();
  const message = a.root.getByLabel('Message', { exact: true });
  await a.root.getByText('Log in to chat.').waitFor();
  assert.ok(await message.isDisabled());
  assert.match(await a.press('getToken'), /Nobody is logged in/);
  assert.equal(await rows.count(), 0);

  await a.begin(newUser());
  await a.write('mine');
  await a.shows('mine');
  await a.root.getByRole('button', { name: 'Log out' }).click();
  await a.root.getByText('Not logged in').waitFor();
  assert.ok(await message.isDisabled());
  assert.deepEqual(await a.messages(), []);
});

test('each operation has a button, and a renewal keeps the entity', async () => {
  const { a, b, rows, verdict } = await openPage();
  const user = newUser();
  await a.begin(user);
  assert.match(await a.press('hasToken'), /true/);
  const logged = await rows.count();
  assert.match(await a.press('invalidate'), /the token is dropped, the customer stays/);
  assert.match((await a.row(logged)).text, /\b200\b.*\bnull\b/s);
  assert.match(await a.press('hasToken'), /false/);
  await b.begin(user);
  const before = await rows.count();
  await b.press('getFreshToken');
  assert.equal((await b.row(before)).source, 'livechat');
  await verdict('same');
  assert.equal((await sandbox.state()).customers, 1);
});

test('a group has a chat of its own', async () => {
  const { a, b, verdict } = await openPage();
  const user = newUser();
  await a.begin(user);
  await a.write('to everybody');
  await a.shows('to everybody');
  await b.openInternals();
  await b.root.getByLabel('Group').fill('3');
  await b.begin(user);
  await verdict('two');
  assert.deepEqual(await b.messages(), []);
});

test('"Try it": ten simultaneous calls of a new user create one customer, whose message shows on both devices', async () => {
  await sandbox.set({ latencyMs: 150 });
  const { page, a, b, rows, verdict } = await openPage();
  await page.locator('#try').click();
  await page.locator('#try-result [data-ok]').waitFor();
  assert.equal(await page.locator('#try-result [data-ok]').getAttribute('data-ok'), 'true');
  assert.match(await page.locator('#try-result').innerText(), /responses in \d+ ms\s+10\b/);
  assert.equal(await rows.count(), 10);
  assert.equal((await sandbox.state()).customers, 1);
  await verdict('same');
  for (const { root } of [a, b]) await root.getByRole('log').getByText('Hello, this is visitor-').waitFor();
});

test('a failure of LiveChat shows its code, and the chat recovers when LiveChat is back', async () => {
  await sandbox.fail('http_503', 1_000);
  const { a } = await openPage();
  const { text } = await a.begin(newUser());
  assert.match(text, /\b503\b.*livechat_unavailable/s);
  await a.root.getByRole('alert').getByText('Retrying.').waitFor();

  await sandbox.reset();
  // The script waits for the time in the backend's Retry-After. Then the chat continues by itself.
  await a.root.locator('[data-known=true]').waitFor({ timeout: 20_000 });
  await a.write('at last');
  await a.shows('at last');
  assert.equal(await a.root.getByRole('alert').count(), 0, 'no error is shown any more');
});

for (const [what, options] of [
  ['on a phone', { viewport: { width: 400, height: 850 } }],
  ['on a small desktop', { viewport: { width: 1280, height: 900 } }],
  ['in dark mode', { viewport: { width: 400, height: 850 }, colorScheme: 'dark' }],
]) {
  test(`the page fits its window ${what}`, async () => {
    const { page, a, b, verdict } = await openPage(options);
    const user = newUser();
    await a.begin(user);
    await b.begin(user);
    await a.write('x'.repeat(300));
    await b.shows('x'.repeat(300));
    await verdict('same');
    for (const device of [a, b]) await device.openInternals();
    const overflows = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;
    for (const frame of page.frames()) assert.equal(await frame.evaluate(overflows), false, frame.url());
    const scheme = await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches);
    assert.equal(scheme, options.colorScheme === 'dark');
    const brightness = await page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)[0]));
    assert.equal(brightness < 100, scheme);
  });
}

test('no LiveChat cookie is in the browser or the log, and no token or user id is in the log', async () => {
  await world.stop();
  assertNothingLeaked(world);
});
