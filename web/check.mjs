// Checks that the published files are built from the current source, and that they are small.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { buildAll } from './build.mjs';

const LONGEST = 3_750;

const built = await buildAll();
for (const [name, text] of Object.entries(built)) {
  const before = await readFile(new URL(name, import.meta.url), 'utf8');
  assert.equal(before, text, `${name} was not built from this src: run \`npm run build\`, and commit it`);
}
const size = gzipSync(built['livechat-cip.min.js'], { level: 9 }).length;
console.log(`livechat-cip.min.js: ${size} bytes gzipped, of ${LONGEST}`);
assert.ok(size <= LONGEST, 'livechat-cip.min.js is too large');
