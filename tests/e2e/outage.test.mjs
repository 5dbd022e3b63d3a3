// How soon LiveChat's widget and SDK have a chat again after a failure between a page and our API, and how many calls they make. The clocks
// of the pages run faster, so that twelve minutes take some seconds. All times here are by these clocks.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { problem, startShop } from './helpers/shop.mjs';
import { eventually } from './helpers/within.mjs';
import { newUser } from './helpers/world.mjs';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const world = await startShop(['--auth', 'jwt']);
const { livechat, local, sandbox, shop } = world;
const CLIENTS = ['widget', 'sdk'];

beforeEach(() => sandbox.reset());
afterEach(async () => {
  livechat.reset();
  await world.closeDevices();
  assert.deepEqual(world.takeSurprises(), [], 'requests to other hosts, unhandled rejections, or unexpected frames');
});
after(() => world.stop());

/** A user's page with this client, whose clock runs faster. */
class Scene {
  static async open(client, speed, user = newUser()) {
    livechat.loginLimitMs = (30 * SECOND) / speed;
    const device = await world.newDevice({ speed });
    const tab = await shop.open(device, client === 'widget' ? '/widget' : '/');
    await tab.setSession(await local.session(user));
    await tab.provide({ token: true });
    return Object.assign(new Scene(), { client, speed, user, tab });
  }

  /** Handles all calls of the API in this way, until `recover`. */
  async fail(handler) {
    await this.tab.page.route(`${local.api}/*`, handler);
  }

  async recover() {
    await this.tab.page.unroute(`${local.api}/*`);
  }

  start() {
    this.login = this.client === 'widget' ? this.tab.embed().then(() => this.tab.chat()) : this.tab.connect();
    this.login.catch(() => {});
  }

  wait(ms) {
    return new Promise((done) => {
      setTimeout(done, ms / this.speed);
    });
  }

  /** Waits for a login. Resolves with the time until then, in ms. */
  async untilLogin() {
    const start = Date.now();
    await eventually(
      () => livechat.firstLoginMs,
      () => `a login; ${this.tab.requests}; ${this.tab.console}`,
    );
    return Math.max(0, livechat.firstLoginMs - start) * this.speed;
  }
}

const down = (route) => route.fulfill({ status: 503, headers: { 'Access-Control-Allow-Origin': shop.origin } });

for (const client of CLIENTS) {
  for (const [what, downMs, speed, limitMs] of [
    ['5 s', 5 * SECOND, 1, 4 * SECOND],
    ['40 s', 40 * SECOND, 3, 15 * SECOND],
    ['2 min', 2 * MINUTE, 5, 25 * SECOND],
    ['12 min', 12 * MINUTE, 20, 70 * SECOND],
  ]) {
    test(`${client}: our API is down for ${what}`, async (t) => {
      const scene = await Scene.open(client, speed);
      await scene.fail(down);
      scene.start();
      await scene.wait(downMs);
      const calls = scene.tab.requests.length;
      await scene.recover();
      const ms = await scene.untilLogin();
      t.diagnostic(`login after ${Math.round(ms / 100) / 10} s; ${calls} calls while it was down`);
      assert.ok(ms <= limitMs, `${ms} ms`);
    });
  }

  test(`${client}: our API hangs for 40 s`, async (t) => {
    const scene = await Scene.open(client, 5);
    let isUp = false;
    await scene.fail((route) => isUp && route.continue());
    scene.start();
    await scene.wait(40 * SECOND);
    isUp = true;
    const ms = await scene.untilLogin();
    t.diagnostic(`login after ${Math.round(ms / 100) / 10} s`);
    assert.ok(ms <= 12 * SECOND, `${ms} ms`);
  });

  test(`${client}: LiveChat fails once, and never closes a socket`, async (t) => {
    const scene = await Scene.open(client, 1);
    livechat.loginLimitMs = Number.POSITIVE_INFINITY;
    await sandbox.fail('http_503', 1);
    scene.start();
    const ms = await scene.untilLogin();
    t.diagnostic(`login after ${Math.round(ms / 100) / 10} s`);
    assert.ok(ms <= 5 * SECOND, `${ms} ms`);
  });

  for (const [status, code, more] of [
    [401, 'unauthenticated', {}],
    [403, 'user_mismatch', {}],
    [502, 'livechat_rejected', { livechatCode: 'invalid_client' }],
  ]) {
    test(`${client}: our API returns a permanent error (${status}) for 3 minutes`, async (t) => {
      const scene = await Scene.open(client, 10);
      await scene.fail((route) =>
        route.fulfill({ ...problem(status, code, more), headers: { 'Access-Control-Allow-Origin': shop.origin } }),
      );
      scene.start();
      await scene.wait(3 * MINUTE);
      t.diagnostic(`${scene.tab.requests.length} calls`);
      assert.ok(scene.tab.requests.length <= 2, String(scene.tab.requests));
      if (client === 'sdk') assert.deepEqual(await scene.login, { reason: more.livechatCode ?? code });
    });
  }

  test(`${client}: the token is revoked, and the user's session has ended`, async (t) => {
    const speed = 5;
    const scene = await Scene.open(client, speed);
    scene.start();
    await scene.login;
    const { accessToken } = await scene.tab.token();
    await scene.fail((route) =>
      route.fulfill({ ...problem(401, 'unauthenticated'), headers: { 'Access-Control-Allow-Origin': shop.origin } }),
    );
    await fetch(`${sandbox.url}/v2/customer/token`, { method: 'DELETE', headers: { authorization: `Bearer ${accessToken}` } });
    const start = Date.now();
    await livechat.disconnect('access_token_revoked');
    await scene.tab.page.waitForFunction(() => shop.logouts === 1);
    const leftMs = (Date.now() - start) * speed;
    await scene.wait(3 * MINUTE - leftMs);
    t.diagnostic(`the chat was removed after ${Math.round(leftMs / SECOND)} s; ${scene.tab.requests.length} calls in 3 minutes`);
    assert.ok(leftMs <= 25 * SECOND, `${leftMs} ms`);
    assert.ok(scene.tab.requests.length <= 3, String(scene.tab.requests));
    assert.equal(await scene.tab.page.locator('#livechat').count(), 0);
  });
}
