// The page of `cargo local --auth jwt --guests`: guests, logins and logouts on two devices.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { devicesAreReady, newUser, startWorld } from './helpers/world.mjs';

const world = await startWorld(['--auth', 'jwt', '--guests']);
const { local, sandbox } = world;
/** The values that must not be in a log: users, their tokens, guests' secrets. */
const secrets = new Set();

beforeEach(() => sandbox.reset());
afterEach(async () => {
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, or script errors');
});
after(() => world.stop());

/** Opens the page. Returns what a person sees and does on it. `requests` are its calls of the four routes. */
async function openPage(browser) {
  const page = await (browser ?? (await world.newDevice())).newPage();
  const requests = [];
  page.on('request', (request) => {
    if (!/^\/(get(Fresh)?Token|hasToken|invalidate)\b/.test(new URL(request.url()).pathname)) return;
    const { authorization, 'x-guest-id': guest } = request.headers();
    for (const secret of [authorization?.split(' ')[1], guest]) if (secret) secrets.add(secret);
    requests.push({ path: new URL(request.url()).pathname, authorization, guest, content: request.postData() });
  });
  await page.goto(local.api);
  await devicesAreReady(page);
  await page.locator('#callers', { hasText: 'AUTH=jwt, guests' }).waitFor();
  return {
    page,
    requests,
    rows: page.locator('#log tbody tr[data-source]'),
    a: device(page, 'Laptop'),
    b: device(page, 'Phone'),
    verdict: (kind) => page.locator(`#verdict[data-verdict=${kind}]`).waitFor(),
  };
}

function device(page, title) {
  const root = page.frameLocator(`iframe[title=${title}]`);
  /** Presses a button, and waits for the call that it makes. Resolves with the call's row of the log. */
  async function press(button) {
    const rows = page.locator('#log tbody tr[data-source]');
    const before = await rows.count();
    await root.getByRole('button', { name: button, exact: true }).click();
    await rows.nth(before).waitFor();
    return rows.first().innerText();
  }
  return {
    root,
    press,
    async logIn(user) {
      secrets.add(user);
      await root.getByLabel('User name').fill(user);
      const row = await press('Log in');
      await root.getByText(`Logged in as “${user}”`).waitFor();
      return row;
    },
    async logOut() {
      const row = await press('Log out');
      await root.getByText('You are a guest').waitFor();
      return row;
    },
    async write(text) {
      await root.getByLabel('Message', { exact: true }).fill(text);
      await root.getByRole('button', { name: 'Send' }).click();
      await this.shows(text);
    },
    shows: (text) => root.getByRole('log').getByText(text, { exact: true }).waitFor(),
    messages: () => root.locator('#chat li p').allInnerTexts(),
    entityId: () => root.locator('[data-entity-id]').textContent(),
    says: (text) => root.getByText(text).waitFor(),
  };
}

test('a guest keeps the customer and the chat when they log in, on every device (guards against: a chat lost at login)', async () => {
  const { requests, a, b, verdict } = await openPage();
  const user = newUser();
  await a.says('You are a guest');
  await a.write('I am only looking');
  const asGuest = await a.entityId();
  assert.match(asGuest, /\S/);

  assert.match(await a.logIn(user), /\b200\b/);
  assert.equal(await a.entityId(), asGuest);
  await a.shows('I am only looking');
  await a.write('I am somebody now');

  await b.logIn(user);
  assert.equal(await b.entityId(), asGuest);
  await b.shows('I am somebody now');
  assert.deepEqual(await b.messages(), ['I am only looking', 'I am somebody now']);
  await b.write('and on the phone');
  await a.shows('and on the phone');
  await verdict('same');
  assert.equal((await sandbox.state()).customers, 1);

  const [guest, login] = requests;
  assert.match(guest.guest, /^[\w-]{43}$/);
  assert.equal(guest.authorization, undefined);
  assert.deepEqual([login.guest, login.path], [guest.guest, '/getToken']);
  assert.match(login.authorization, /^Bearer \S+$/);
});

test('the page offers a new name for the walk of a guest, and another one after a logout', async () => {
  const { page, a, b, verdict } = await openPage();
  const offered = () => page.locator('.steps [data-offer]').first().innerText();
  const name = await offered();
  assert.match(name, /^[a-z]+-[0-9a-f]{3}$/);
  for (const { root } of [a, b]) assert.equal(await root.getByLabel('User name').inputValue(), name);

  await a.write('as a guest');
  await a.logIn(name);
  await a.shows('as a guest');
  await b.logIn(name);
  await b.shows('as a guest');
  await verdict('same');
  assert.equal(await offered(), name);

  await a.logOut();
  const next = await offered();
  assert.notEqual(next, name);
  assert.equal(await a.root.getByLabel('User name').inputValue(), next);
});

test('if a user has a customer already, the device says why the guest’s chat stays behind', async () => {
  const { a } = await openPage();
  const user = newUser();
  const notice = a.root.locator('#notice');
  await a.logIn(user);
  const ofUser = await a.entityId();
  await a.logOut();
  // A guest who has not written leaves nothing behind.
  await a.logIn(user);
  assert.equal(await notice.innerText(), '');
  await a.logOut();

  await a.write('lost?');
  assert.notEqual(await a.entityId(), ofUser);
  await a.logIn(user);
  await notice.getByText('already had a customer, so the guest’s chat was not taken over').waitFor();
  assert.equal(await a.entityId(), ofUser);
  assert.deepEqual(await a.messages(), []);
  // The next call’s result does not replace it.
  await a.press('getFreshToken');
  assert.match(await notice.innerText(), /not taken over/);
  await a.logOut();
  assert.equal(await notice.innerText(), '');
});

test('a guest’s chat opens by itself after a reload', async () => {
  const { page, a, b } = await openPage();
  await a.write('still me');
  const asGuest = await a.entityId();
  await page.reload();
  await a.shows('still me');
  assert.equal(await a.entityId(), asGuest);
  // A guest who has not written needs no customer.
  await b.says('Write something as a guest.');
  assert.equal((await sandbox.state()).customers, 1);
});

test('the next guest after a logout has another customer (guards against: the next visitor reads the chat)', async () => {
  const { requests, a } = await openPage();
  await a.write('as a guest');
  await a.logIn(newUser());
  await a.write('for nobody else');
  const ofUser = await a.entityId();

  assert.match(await a.logOut(), /\b200\b.*\bnull\b/s);
  assert.deepEqual(JSON.parse(requests.at(-1).content), { logout: true });
  assert.match(requests.at(-1).authorization, /^Bearer \S+$/);
  assert.equal(await a.entityId(), '');
  assert.deepEqual(await a.messages(), []);

  await a.write('somebody new');
  assert.notEqual(await a.entityId(), ofUser);
  assert.notEqual(requests.at(-1).guest, requests[0].guest);
  assert.deepEqual(await a.messages(), ['somebody new']);
});

test('after a logout on one device, the chat on the other device continues with a fresh token', async () => {
  const { requests, a, b } = await openPage();
  const user = newUser();
  await a.logIn(user);
  await b.logIn(user);
  await b.write('before');
  await a.logOut();
  await b.write('after');
  assert.deepEqual(await b.messages(), ['before', 'after']);
  assert.ok(requests.some(({ path }) => path === '/getFreshToken'));
});

test('after a guest became a user, the device creates a new guest (guards against: a guest gets the customer of the user)', async () => {
  const { page, a } = await openPage();
  await a.write('mine');
  await a.logIn(newUser());
  const ofUser = await a.entityId();

  // Another tab does not know about the login, and the browser has stored the guest.
  const tab = await openPage(page.context());
  await tab.a.says('You are a guest');
  await tab.rows.nth(1).waitFor();
  assert.match(await tab.rows.nth(1).innerText(), /\b410\b.*guest_gone/s);
  assert.match(await tab.rows.nth(0).innerText(), /\b200\b/);
  assert.notEqual(await tab.a.entityId(), ofUser);
  assert.notEqual(tab.requests[1].guest, tab.requests[0].guest);
  assert.deepEqual(await tab.a.messages(), []);
});

test('a logout in one tab removes the chat from the other', async () => {
  const { page, a } = await openPage();
  const user = newUser();
  await a.logIn(user);
  await a.write('mine');
  const tab = await openPage(page.context());
  await tab.a.logIn(user);
  await tab.a.shows('mine');
  await a.logOut();
  await tab.a.says('You are a guest');
  assert.deepEqual(await tab.a.messages(), []);
});

test('the path of another user is refused, to users and to guests', async () => {
  const { a } = await openPage();
  assert.match(await a.press('Somebody else’s path'), /\b401\b.*unauthenticated/s);
  await a.logIn(newUser());
  const ofUser = await a.entityId();
  assert.match(await a.press('Somebody else’s path'), /\b403\b.*user_mismatch/s);
  assert.equal(await a.entityId(), ofUser);
  assert.equal((await sandbox.state()).customers, 1);
});

test('"Try it" logs a new user in on both devices, and ten simultaneous calls create one customer', async () => {
  await sandbox.set({ latencyMs: 150 });
  const { page, a, b } = await openPage();
  await a.write('an earlier guest');
  const { customers } = await sandbox.state();
  await page.locator('#try').click();
  await page.locator('#try-result [data-ok]').waitFor();
  assert.equal(await page.locator('#try-result [data-ok]').getAttribute('data-ok'), 'true');
  assert.equal((await sandbox.state()).customers, customers + 1);
  for (const { root } of [a, b]) await root.getByRole('log').getByText('Hello, this is visitor-').waitFor();
  assert.equal((await a.messages()).length, 1);
});

test('no LiveChat cookie is in the browser or the log, and no token, user id or guest’s secret is in the log', async () => {
  await world.stop();
  assert.ok(secrets.size > 0, 'no secrets were recorded');
  const issued = world.received.filter(({ url, status }) => status === 200 && /\/get(Fresh)?Token$/.test(url));
  assert.ok(issued.length > 0, 'no response with a token was recorded');
  for (const { text } of issued) secrets.add(JSON.parse(text.slice(text.indexOf('\n\n'))).accessToken);

  for (const { url, text } of world.received) assert.ok(!text.includes('__lc_'), `a LiveChat cookie in ${url}:\n${text}`);
  const log = local.output();
  assert.ok(!log.includes('__lc_'), `a LiveChat cookie in the log:\n${log}`);
  for (const secret of secrets) assert.ok(!log.includes(secret), `a secret in the log:\n${log}`);
});
