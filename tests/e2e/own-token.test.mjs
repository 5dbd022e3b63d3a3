// Runs the code samples in docs/authentication.md that create a site's own token, as its server would. Checks the content of the token, the users it
// is accepted for, and that there is no token without a user.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startLocal } from './helpers/local.mjs';

const JWT_SECRET = 'test-secret-0123456789-0123456789-0123456789';

/** How the function is called in each language. The user's id is in the environment. */
const languages = [
  {
    name: 'Node.js',
    fence: 'js',
    file: 'token.mjs',
    command: 'node',
    call: 'console.log(livechatToken(process.env.USER_ID))',
    needed: true,
  },
  {
    name: 'Python',
    fence: 'python',
    file: 'token.py',
    command: 'python3',
    call: 'print(livechat_token(os.environ["USER_ID"]))',
    needed: true,
  },
  { name: 'PHP 8', fence: 'php', file: 'token.php', command: 'php', before: '<?php\n', call: "echo livechat_token(getenv('USER_ID'));" },
  { name: 'Ruby', fence: 'ruby', file: 'token.rb', command: 'ruby', call: "puts livechat_token(ENV.fetch('USER_ID'))" },
  {
    name: 'Java 11',
    fence: 'java',
    file: 'Token.java',
    command: 'java',
    // Java compiles a file that it is to run.
    probe: 'javac',
    // Java runs the first class of a file.
    above: 'final class LiveChatToken',
    call: 'class Site { public static void main(String[] none) throws Exception { System.out.println(LiveChatToken.of(System.getenv("USER_ID"))); } }',
  },
];

const page = await readFile(new URL('../../docs/authentication.md', import.meta.url), 'utf8');
const [, recipe] = page.match(/<!-- recipe: own-token -->\n```sh\n([^`]+)```/);
const settings = Object.fromEntries(
  recipe
    .trim()
    .split('\n')
    .map((line) => line.split(/=(.*)/s, 2)),
);
const folder = await mkdtemp(join(tmpdir(), 'own-token-'));
const local = await startLocal(['--auth', 'jwt'], { ...settings, JWT_SECRET });
after(async () => {
  await local.stop();
  await rm(folder, { recursive: true });
});

const isInstalled = ({ command, probe = command }) => spawnSync(probe, ['--version']).error?.code !== 'ENOENT';

/** Writes the lines of the page to a file, with a call of the function after them, or above the line `above`. */
async function write({ name, fence, file, before = '', above, call }) {
  const [, rest] = page.split(`\n${name}\n\n\`\`\`${fence}\n`);
  const [lines] = (rest ?? '').split('```');
  assert.ok(lines, `${name} is not on the page`);
  const text = above ? lines.replace(above, `${call}\n${above}`) : `${lines}\n${call}\n`;
  await writeFile(join(folder, file), before + text);
}

function run({ command, file }, user, secret = { JWT_SECRET }) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, LC_ALL: 'C.UTF-8', USER_ID: user, ...secret };
  const { status, stdout, stderr, error } = spawnSync(command, [join(folder, file)], { env, encoding: 'utf8' });
  assert.ifError(error);
  return { status, stderr, token: stdout.trim() };
}

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());

async function statusOf(token, user) {
  const url = `${local.api}/getToken${user === undefined ? '' : `/${encodeURIComponent(user)}`}`;
  const { status } = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  return status;
}

for (const language of languages) {
  const { name, needed } = language;
  const skip = !needed && !isInstalled(language) && `${language.command} is not installed`;

  test(`${name}: the token is for the user of the session, for ten minutes, and signed with the secret`, { skip }, async () => {
    await write(language);
    for (const user of ['4711', 'anna@example.com', 'zoë', '日本', 'a b', 'a/b', '"', "o'neil", '\u{1f600}>>>???', '100%']) {
      const from = Math.floor(Date.now() / 1000);
      const { token, stderr } = run(language, user);
      const to = Math.floor(Date.now() / 1000);
      assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/, stderr);
      const [header, claims, signature] = token.split('.');
      const { iat, ...others } = decode(claims);
      assert.deepEqual(decode(header), { alg: 'HS256', typ: 'JWT' });
      assert.deepEqual(others, { iss: settings.JWT_ISSUER, aud: settings.JWT_AUDIENCE, sub: user, exp: iat + 600 });
      assert.ok(iat >= from && iat <= to, `${iat}`);
      assert.equal(signature, createHmac('sha256', JWT_SECRET).update(`${header}.${claims}`).digest('base64url'));
      assert.deepEqual([await statusOf(token), await statusOf(token, user), await statusOf(token, 'bob')], [200, 200, 403], user);
    }
  });

  test(`${name}: without a user, or without a secret, there is no token (guards against: one customer for everybody)`, {
    skip,
  }, async () => {
    await write(language);
    for (const { status, token } of [run(language, ''), run(language, 'anna', {})]) {
      assert.notEqual(status, 0);
      assert.doesNotMatch(token, /eyJ/);
    }
  });
}
