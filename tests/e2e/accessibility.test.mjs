// The page of `cargo local` and its two devices, checked with all rules of axe.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { devicesAreReady, newUser, startWorld } from './helpers/world.mjs';

const AXE = await readFile(fileURLToPath(new URL('node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');
const LOOKS = [
  { width: 1280, colorScheme: 'light' },
  { width: 1280, colorScheme: 'dark' },
  { width: 390, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
];

const worlds = [];
after(() => Promise.all(worlds.map((world) => world.stop())));

for (const options of [[], ['--auth', 'jwt', '--guests']]) {
  const world = await startWorld(options);
  worlds.push(world);
  for (const { width, colorScheme } of LOOKS) {
    test(`no rule of axe is violated: cargo local ${options.join(' ')}, ${width} px, ${colorScheme}`, async () => {
      const page = await (await world.newDevice({ viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' })).newPage();
      await page.goto(world.local.api);
      await devicesAreReady(page);
      await page.locator('#faults').waitFor();
      // The policy of the page does not allow this script, but the debugger may run it.
      for (const frame of page.frames()) await frame.evaluate(AXE);
      await isAccessible(page, 'before the login');

      const devices = ['Laptop', 'Phone'].map((title) => page.frameLocator(`iframe[title=${title}]`));
      const logIn = async (root, user) => {
        await root.getByLabel('User name').fill(user);
        await root.getByRole('button', { name: 'Log in' }).click();
        await root.locator('[data-known=true]').waitFor();
      };
      if (options.includes('--guests')) {
        await devices[0].getByLabel('Message', { exact: true }).fill('as a guest');
        await devices[0].getByRole('button', { name: 'Send' }).click();
        await devices[0].locator('[data-known=true]').waitFor();
        await isAccessible(page, 'a guest’s chat');
      }
      const user = newUser();
      for (const root of devices) await logIn(root, user);
      await page.locator('#verdict[data-verdict=same]').waitFor();
      for (const root of devices) {
        await root.locator('#internals').evaluate((internals) => {
          internals.open = true;
        });
      }
      await isAccessible(page, 'after the login');

      await page.locator('#try').click();
      await page.locator('#try-result [data-ok]').waitFor();
      for (const root of devices) await root.getByText('Hello, this is visitor-').waitFor();
      await isAccessible(page, 'after "Try it"');

      await world.sandbox.fail('http_503', 10);
      await devices[1].locator('[data-operation=getFreshToken]').click();
      await page.locator('#log td .problem').first().waitFor();
      await devices[1].getByRole('button', { name: 'Log out' }).click();
      await logIn(devices[1], user);
      await page.locator('#verdict[data-verdict=two]').waitFor();
      await isAccessible(page, 'after a failure, with two users');
      await world.sandbox.reset();
    });
  }
}

/** Runs all rules, also those that axe has switched off, on the page and its frames. */
async function isAccessible(page, when) {
  const violations = await page.evaluate(async () => {
    const rules = Object.fromEntries(axe.getRules().map(({ ruleId }) => [ruleId, { enabled: true }]));
    const { violations, passes } = await axe.run({ rules });
    if (!passes.some(({ nodes }) => nodes.some(({ target }) => target[0].includes('Phone'))))
      throw new Error('the frames were not checked');
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' > ')}\n${failureSummary}`),
    );
  });
  assert.deepEqual(violations, [], when);
}
