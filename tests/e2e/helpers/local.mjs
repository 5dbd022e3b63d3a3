// Starts `cargo local` in its own process, with free ports, an empty table in memory, and the sandbox in place of LiveChat.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './within.mjs';

/** The settings that decide how callers are verified and which LiveChat account is used. */
const SETTING = /^(LIVECHAT_|JWT_|HMAC_|AUTHORIZER_|ALLOWED_)|^(AUTH|GUESTS|ADOPT_GUESTS|USER_ID_NORMALIZATION)$/;

/** `options`: options of `cargo local`. `settings`: environment variables that the functions read. */
export async function startLocal(options = [], settings = {}) {
  const binary = process.env.LOCAL_BIN
    ? resolve(process.env.LOCAL_BIN)
    : fileURLToPath(new URL('../../../target/debug/local', import.meta.url));
  if (!existsSync(binary)) {
    throw new Error(`${binary} does not exist: run \`cargo build --package local\`, or set LOCAL_BIN to the built \`local\``);
  }

  // A developer's `.env` and environment may have a real LiveChat account. Tests must not use it.
  const directory = mkdtempSync(join(tmpdir(), 'livechat-cip-e2e-'));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !SETTING.test(name)));
  Object.assign(env, settings);
  // Functions in containers are configured with fixed ports of the database and the sandbox.
  const ports = process.env.LOCAL_PORTS?.split(' ') ?? ['--port', '0'];
  // The tests check that the functions' log has no user id. The usual log of `cargo local` names users.
  const child = spawn(binary, [...ports, '--memory', '--log', 'json', ...options], {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  // The test runner sends SIGTERM to a file that takes too long.
  process.once('SIGTERM', () => process.exit(1));

  let output = '';
  const addresses = {};
  const ready = new Promise((done, fail) => {
    const read = (chunk) => {
      output += chunk;
      for (const [, part, url] of output.matchAll(/^(API|DynamoDB|LiveChat)\s+(http:\/\/\S+)(?=\s)/gm)) addresses[part] = url;
      if (addresses.API && addresses.DynamoDB && addresses.LiveChat) done();
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read);
    exited.then(([code]) => fail(new Error(`\`local\` ended with ${code} before it listened:\n${output}`)), fail);
  });

  async function stop() {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await within(30_000, exited, () => '`local` did not stop on SIGTERM').finally(kill);
    }
    process.off('exit', kill);
    rmSync(directory, { recursive: true, force: true });
  }

  try {
    await within(30_000, ready, () => `the addresses of API, DynamoDB and LiveChat in:\n${output}`);
    const config = await getJson(`${addresses.API}/config.json`);
    assert.equal(config.livechat, 'sandbox', 'these tests are for the sandbox only');
    /** The session token of this user, with `--auth jwt`. At a real site, the login would issue it. */
    const session = async (user) => {
      const { headers } = await getJson(`${addresses.API}/dev/credentials?user=${encodeURIComponent(user)}`);
      return headers.Authorization.replace('Bearer ', '');
    };
    return { api: addresses.API, config, sandbox: sandboxAt(addresses.LiveChat), session, output: () => output, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The sandbox's admin API. */
function sandboxAt(url) {
  const post = (path, body = {}, method = 'POST') =>
    getJson(`${url}/sandbox/${path}`, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return {
    url,
    state: () => getJson(`${url}/sandbox`),
    set: (settings) => post('settings', settings, 'PATCH'),
    fail: (fault, times) => post('faults', { fault, times }),
    reset: () => post('reset'),
  };
}

async function getJson(url, init) {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(30_000) });
  const text = await response.text();
  assert.ok(response.ok, `${url}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}
