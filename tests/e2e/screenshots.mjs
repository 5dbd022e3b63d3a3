// Makes the pictures in docs/images: the page of `cargo local`, after the steps of its introduction.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { devicesAreReady, startWorld } from './helpers/world.mjs';

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url));

const world = await startWorld();
try {
  const page = await (await world.newDevice()).newPage();
  await page.setViewportSize({ width: 1280, height: 1000 });
  await page.goto(world.local.api);
  await devicesAreReady(page);

  const device = (title) => {
    const frame = page.frameLocator(`iframe[title=${title}]`);
    return {
      shows: (text) => frame.getByRole('log').getByText(text, { exact: true }).waitFor(),
      async write(text) {
        await frame.getByLabel('Message', { exact: true }).fill(text);
        await frame.getByRole('button', { name: 'Send' }).click();
        await this.shows(text);
      },
      async logIn(user) {
        await frame.getByLabel('User name').fill(user);
        await frame.getByRole('button', { name: 'Log in' }).click();
        await frame.getByText(`Logged in as “${user}”`).waitFor();
      },
    };
  };
  const [laptop, phone] = [device('Laptop'), device('Phone')];
  await laptop.logIn('alice');
  await laptop.write('Hello, do you ship to Norway?');
  await phone.logIn('alice');
  await phone.shows('Hello, do you ship to Norway?');
  await phone.write('And here I am on the phone.');
  await laptop.shows('And here I am on the phone.');
  await page.locator('#verdict[data-verdict=same]').waitFor();

  mkdirSync(FOLDER, { recursive: true });
  const stage = await page.locator('.stage').boundingBox();
  const clip = { x: 0, y: 0, width: 1280, height: Math.ceil(stage.y + stage.height + 8) };
  await page.evaluate(() => document.activeElement.blur());
  for (const [name, colorScheme] of [
    ['page', 'light'],
    ['page-dark', 'dark'],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${FOLDER}${name}.png`, clip, animations: 'disabled', caret: 'hide' });
  }
} finally {
  await world.stop();
}
