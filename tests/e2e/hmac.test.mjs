// Runs the code samples for `AUTH=hmac` in docs/authentication.md, as a site's server would. Checks for which users the hashes are accepted, and which
// ids they refuse to sign.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { startLocal } from './helpers/local.mjs';

const HMAC_SECRET = 'test-secret-0123456789-0123456789-0123456789';
const EXPIRES = String(Math.floor(Date.now() / 1000) + 600);

const page = await readFile(new URL('../../docs/authentication.md', import.meta.url), 'utf8');
const [, lines] = page.match(/\n## [^\n]+`AUTH=hmac`\)\n[^`]+```sh\n([^`]+)```/);
const local = await startLocal(['--auth', 'hmac'], { HMAC_SECRET });
after(() => local.stop());

/** Runs the lines for a user. They print the hash, and the hash with an expiry. */
function sign(shell, user) {
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', USER_ID: user, HMAC_SECRET, EXPIRES };
  const { status, stdout, stderr, error } = spawnSync(shell, ['-c', lines], { env, encoding: 'utf8' });
  assert.ifError(error);
  return { status, stderr, hashes: stdout.split('\n').filter(Boolean) };
}

async function statusOf(user, headers) {
  const { status } = await fetch(`${local.api}/getToken/${encodeURIComponent(user)}`, { headers });
  return status;
}

for (const shell of ['sh', 'bash']) {
  test(`${shell}: both hashes are accepted for their user only`, async () => {
    for (const user of ['4711', 'anna@example.com', 'zoë', 'a b', '100%', '*', '-n', "o'neil", 'a\\nb']) {
      const { hashes, stderr } = sign(shell, user);
      assert.equal(hashes.length, 2, stderr);
      const [hash, hashUntil] = hashes;
      const until = { 'X-User-Hash': hashUntil, 'X-User-Hash-Expires': EXPIRES };
      assert.deepEqual([await statusOf(user, { 'X-User-Hash': hash }), await statusOf(user, until)], [200, 200], user);
      assert.deepEqual([await statusOf('bob', { 'X-User-Hash': hash }), await statusOf('bob', until)], [401, 401], user);
      assert.equal(await statusOf(user, { 'X-User-Hash': hashUntil }), 401, user);
    }
  });

  test(`${shell}: an id with a line feed is not signed (guards against: its hash is also that of another user, with an expiry)`, async () => {
    for (const user of [`alice\n${EXPIRES}`, '\nalice', 'alice\n', 'al\rice', 'alice\t', 'alice\u007f']) {
      const { status, hashes } = sign(shell, user);
      assert.deepEqual([status, hashes], [1, []], JSON.stringify(user));
    }
  });
}
