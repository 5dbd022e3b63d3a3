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
async function openPage({ viewport, colorScheme, at = world } = {}) {
  const page = await (await at.newDevice()).newPage();
  if (viewport) await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  await page.goto(at.local.api);
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

/** The places of the button, the verdict, the results and the devices. */
const places = async (page) => {
  const boxes = await page.locator('#try, .outcome, #verdict, #try-result, iframe').evaluateAll((all) =>
    all.map((one) => {
      const { x, y, width, height } = one.getBoundingClientRect();
      return { x, y, width, height };
    }),
  );
  return { all: boxes, outcome: boxes[1] };
};

for (const [width, height] of [
  [1280, 680],
  [820, 1180],
  [390, 844],
]) {
  test(`the verdict is in view at ${width}×${height}, and nothing moves when "Try it" has run`, async () => {
    const { page, verdict } = await openPage({ viewport: { width, height } });
    await page.locator('#faults').waitFor();
    const before = await places(page);
    assert.ok(before.outcome.y + before.outcome.height < height, JSON.stringify(before.outcome));
    await page.locator('#try').click();
    await page.locator('#try-result [data-ok=true]').waitFor();
    await verdict('same');
    const after = await places(page);
    // The contents of the verdict are centred in the reserved room.
    const fixed = ({ all }) => all.filter((_, i) => i !== 2 && i !== 3);
    assert.deepEqual(fixed(after), fixed(before));
    assert.equal(await page.evaluate(() => scrollY), 0);
  });
}

test('the button has the focus after "Try it", and the message field after a login', async () => {
  const { page, a } = await openPage();
  await page.locator('#try').click();
  await page.locator('#try-result [data-ok]').waitFor();
  await page.locator('#try:focus').waitFor();
  await a.root.getByRole('button', { name: 'Log out' }).click();
  await a.root.locator('[name=user]:focus').waitFor();
  await a.logIn(newUser());
  await a.root.locator('#chat [name=text]:focus').waitFor();
});

test('after a reset of the sandbox, the verdict says that the customer is forgotten, then that it was replaced', async () => {
  const { page, a, b, verdict } = await openPage();
  const user = newUser();
  await a.begin(user);
  await b.begin(user);
  await verdict('same');
  const former = await a.entityId();
  // Otherwise the chat would renew its token by itself within a second.
  await page.route('**/sandbox/chat', (route) => route.abort());

  const says = (text) => page.locator('#verdict[data-verdict=changed]', { hasText: text }).waitFor();
  await page.getByRole('button', { name: 'Reset the sandbox' }).click();
  await says('The sandbox has forgotten all customersBoth devices show tokens of the former ones until the next renewal');
  await a.press('getFreshToken');
  await says('The phone shows the token of a former one until the next renewal');
  await b.press('getFreshToken');
  await says(/The sandbox forgot a customer.*replaced once, and the former one is on record\. Both devices have the new one/);
  assert.notEqual(await a.entityId(), former);
  assert.equal(await b.entityId(), await a.entityId());

  // Another user is not affected.
  await page.locator('#try').click();
  await page.locator('#try-result [data-ok=true]').waitFor();
  await verdict('same');
});

test('a customer that LiveChat replaced without a reset is not called the same', async () => {
  const { page, a, b } = await openPage();
  const user = newUser();
  await a.begin(user);
  await b.begin(user);
  await sandbox.fail('other_entity', 2);
  await a.press('getFreshToken');
  const verdict = page.locator('#verdict[data-verdict=changed]');
  await verdict.getByText('Another customer than before').waitFor();
  await b.press('getFreshToken');
  await verdict.getByText('Both devices have the new one').waitFor();
});

test('a long name neither overflows nor changes the layout of a device', async () => {
  const { page, a, b } = await openPage({ viewport: { width: 390, height: 844 } });
  const heights = (root) => root.locator('header, #customer').evaluateAll((all) => all.map(({ offsetHeight }) => offsetHeight));
  for (const device of [a, b]) {
    const before = await heights(device.root);
    await device.begin('x'.repeat(256));
    await device.root.getByText('No messages yet').waitFor();
    assert.deepEqual(await heights(device.root), before);
  }
  const overflowing = () =>
    [document.documentElement, ...document.querySelectorAll('#verdict, #log, header, .messages, #customer, #chat')]
      .filter((one) => one.scrollWidth > one.clientWidth)
      .map(({ outerHTML }) => outerHTML.slice(0, 80));
  for (const frame of page.frames()) assert.deepEqual(await frame.evaluate(overflowing), [], frame.url());
});

test('without JavaScript, the page says that it needs it, and has no controls', async () => {
  const page = await (await world.newDevice({ javaScriptEnabled: false })).newPage();
  for (const path of ['/', '/device.html']) {
    await page.goto(`${world.local.api}${path}`);
    const message = page.locator('body noscript p');
    await message.waitFor();
    assert.match(await message.textContent(), /needs JavaScript/);
    const controls = page.locator('button, input, select, summary, iframe, [tabindex]');
    assert.ok((await controls.count()) > 0);
    assert.equal(await controls.filter({ visible: true }).count(), 0, path);
  }
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

/** Waits until the device shows this line about running calls. */
const runs = (device, text) => device.root.locator('#internals[aria-busy=true] .work', { hasText: text }).waitFor();

/** Waits until the device shows that no call is running. */
const rests = async (device) => {
  await device.root.locator('#internals[aria-busy=false]').waitFor();
  assert.equal(await device.root.locator('#customer .busy').isVisible(), false);
  assert.equal(await device.root.locator('#busy').textContent(), '');
};

test('while a slow call runs, the device says so, the former result is gone, and nothing moves', async () => {
  const { a, b } = await openPage();
  const user = newUser();
  await sandbox.set({ latencyMs: 1_500 });
  await a.logIn(user);
  // The chat calls getToken by itself.
  await runs(a, 'getToken is running…');
  await a.root.locator('[data-known=true]').waitFor();
  await rests(a);

  const button = a.root.locator('[data-operation=getFreshToken]');
  const state = a.root.locator('#state');
  const [former, place] = [await state.innerText(), await button.boundingBox()];
  await button.click();
  await runs(a, 'getFreshToken is running…');
  assert.equal(await state.isVisible(), false);
  assert.equal(await a.root.locator('#busy').textContent(), 'getFreshToken is running…');
  assert.match(await a.root.locator('#customer .time').innerText(), /^\d\.\d s$/);
  assert.deepEqual(await button.boundingBox(), place);
  await state.waitFor();
  assert.notEqual(await state.innerText(), former);
  await rests(a);

  // On the phone, the panel with the result is closed.
  await b.begin(user);
  await b.root.getByRole('button', { name: 'Log out' }).click();
  await runs(b, 'The logout is running…');
  assert.ok(await b.root.locator('#customer .work').isVisible());
  await rests(b);
});

test('a short call does not flicker', async () => {
  const { a } = await openPage();
  await a.begin(newUser());
  const internals = await a.root.locator('#internals').elementHandle();
  await internals.evaluate((node) => {
    node.seen = [];
    new MutationObserver(() => node.seen.push(node.ariaBusy)).observe(node, { attributeFilter: ['aria-busy'] });
  });
  await a.press('hasToken');
  await a.press('getToken');
  assert.equal((await internals.evaluate((node) => node.seen)).includes('true'), false);
});

test('calls at the same time, calls that fail and a logout leave no device busy', async () => {
  await sandbox.set({ latencyMs: 600 });
  const { page, a, b } = await openPage();
  await page.locator('#try').click();
  for (const device of [a, b]) await runs(device, '5 calls of getToken are running…');
  await page.locator('#try-result [data-ok]').waitFor();
  for (const device of [a, b]) await rests(device);

  await sandbox.fail('http_429', 1);
  await a.openInternals();
  await a.root.locator('[data-operation=getFreshToken]').click();
  await runs(a, 'getFreshToken is running…');
  // The script waits before it repeats the call. Meanwhile the device shows why.
  await a.root.locator('#state', { hasText: 'livechat_unavailable' }).waitFor();
  await runs(a, 'getFreshToken is waiting…');
  await a.root.getByRole('button', { name: 'Log out' }).click();
  await a.root.getByText('Not logged in').waitFor();
  await rests(a);
});

test('the page lists every fault of the sandbox and explains it', async () => {
  const { page } = await openPage();
  const select = page.getByRole('combobox', { name: 'Fault' });
  const explanation = page.locator('#fault-explained');
  await explanation.filter({ hasText: /\S/ }).waitFor();
  assert.equal(await select.getAttribute('aria-describedby'), 'fault-explained');
  // The sandbox names all its faults when it refuses one.
  const refused = await fetch(`${sandbox.url}/sandbox/faults`, { method: 'POST', body: '{"fault": "none"}' });
  const names = [...(await refused.text()).split('expected one of')[1].matchAll(/`(\w+)`/g)].map(([, name]) => name);
  assert.ok(names.length > 20, `${names}`);
  const listed = await select.locator('option').allTextContents();
  assert.deepEqual(listed.toSorted(), names.toSorted());
  const texts = new Set();
  for (const name of names) {
    await select.selectOption(name);
    const text = await explanation.innerText();
    assert.match(text, /^[A-Z].{60,}\.$/, name);
    texts.add(text);
  }
  assert.equal(texts.size, names.length);
});

test('the log says which faults occurred during a call, by the same name as the list', async () => {
  const { page, a, rows } = await openPage();
  await a.begin(newUser());
  const before = await rows.count();
  await page.getByRole('combobox', { name: 'Fault' }).selectOption('http_503');
  await page.getByRole('button', { name: 'Fail them' }).click();
  await page.getByText('Pending: http_503 × 1').waitFor();
  // A stored token needs no call to LiveChat.
  await a.press('invalidate');
  await a.press('hasToken');
  // The backend repeats the call, and the caller does not notice.
  await a.press('getFreshToken');
  assert.equal((await a.row(before + 1)).source, 'livechat');
  await rows.first().getByText('Fault during this call: http_503 × 1').waitFor();
  assert.equal(await rows.getByText('Fault during this call').count(), 1);
  await page.getByText('Last: http_503, at').waitFor();
});

test('a name that the backend would refuse, or that a path cannot carry, is refused at the login', async () => {
  const { a, b, rows } = await openPage();
  for (const [name, why] of [
    ['', 'type a user name first'],
    ['.', 'browsers take “.” as a step in the path'],
    ['..', 'browsers take “..” as a step in the path'],
    ['é'.repeat(129), 'the name has 258 bytes in UTF-8'],
    ['a\tb', 'the name contains a control character'],
  ]) {
    for (const { root } of [a, b]) {
      await root.getByLabel('User name').fill(name);
      await root.getByRole('button', { name: 'Log in' }).click();
      await root.getByRole('alert').getByText(why).waitFor();
      assert.ok(await root.getByText('Not logged in', { exact: true }).isVisible());
    }
  }
  assert.equal(await rows.count(), 0);
  await a.begin('é'.repeat(128));
  assert.equal(await a.root.getByRole('alert').filter({ visible: true }).count(), 0);
});

for (const [auth, works] of [
  ['jwt', true],
  ['hmac', false],
]) {
  test(`with AUTH=${auth}, somebody ${works ? 'can' : 'cannot'} have the name “..”`, async () => {
    const other = await startWorld(['--auth', auth]);
    try {
      const { a } = await openPage({ at: other });
      if (works) return assert.equal((await a.begin('..')).source, 'livechat');
      await a.root.getByLabel('User name').fill('..');
      await a.root.getByRole('button', { name: 'Log in' }).click();
      await a.root.getByRole('alert').getByText('With AUTH=jwt it is in the token').waitFor();
    } finally {
      await other.stop();
    }
  });
}

test('no LiveChat cookie is in the browser or the log, and no token or user id is in the log', async () => {
  await world.stop();
  assertNothingLeaked(world);
});
