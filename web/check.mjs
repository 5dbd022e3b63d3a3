// What is handed out is what the source says, and small.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LONGEST = 3_000;
const FILE = new URL('livechat-cip.min.js', import.meta.url);

const before = readFileSync(FILE, 'utf8');
execFileSync('npm', ['run', '--silent', 'build', '--', '--log-level=warning'], { cwd: new URL('.', import.meta.url), stdio: 'inherit' });
const built = readFileSync(FILE, 'utf8');
assert.equal(before, built, 'livechat-cip.min.js was not built from this livechat-cip.js: run `npm run build`, and commit it');

const size = gzipSync(built, { level: 9 }).length;
console.log(`livechat-cip.min.js: ${size} bytes gzipped, of ${LONGEST}`);
assert.ok(size <= LONGEST, 'livechat-cip.min.js is too large');
