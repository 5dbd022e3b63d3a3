// LiveChat's side of the Customer Chat API (RTM, v3.5), as far as the Customer SDK needs it to log in. Who a token
// belongs to is the sandbox's word, as it is the account service's word at LiveChat.

export class LiveChatSocket {
  #tokensToRefuse = 0;
  /** How long a socket may be open without a login, in ms: 30 s at LiveChat. `Infinity`: it is never closed. */
  loginLimitMs = 30_000;
  /** Whether every token is a bad one. */
  refusesAll = false;
  /** When the first login since `reset` succeeded; Unix time in ms. */
  firstLoginMs = undefined;
  #refused = new Set();
  #sockets = new Set();

  constructor(sandboxUrl, config) {
    this.sandboxUrl = sandboxUrl;
    this.organizationId = config.organizationId;
    this.url = `wss://api.livechatinc.com/v3.5/customer/rtm/ws?organization_id=${config.organizationId}`;
    this.euUrl = this.url.replace('//api.', '//api-fra.');
    /** What no client was expected to send. */
    this.surprises = [];
  }

  /** The token of the next login is taken for a bad one, now and whenever it comes again. */
  refuseTokenOfNextLogin() {
    this.#tokensToRefuse += 1;
  }

  /** Ends all connections with this reason, as LiveChat does when a token is over or revoked. */
  async disconnect(reason) {
    const frame = JSON.stringify({ action: 'customer_disconnected', type: 'push', payload: { reason } });
    const sockets = [...this.#sockets];
    this.#sockets.clear();
    for (const socket of sockets) {
      await socket.send(frame);
      // Whether the client has closed it by then is a matter of luck.
      await socket.close().catch(() => {});
    }
  }

  /** As at the start. */
  reset() {
    Object.assign(this, { loginLimitMs: 30_000, refusesAll: false, firstLoginMs: undefined });
    this.#tokensToRefuse = 0;
  }

  /** Plays LiveChat for a page (Playwright's); adds each login to `logins`. */
  async route(page, logins) {
    await page.routeWebSocket(
      ({ href }) => href === this.url || href === this.euUrl,
      (socket) => this.#serve(socket, logins),
    );
  }

  #serve(socket, logins) {
    this.#sockets.add(socket);
    let hasLoggedIn = false;
    if (this.loginLimitMs < Infinity) {
      setTimeout(() => hasLoggedIn || socket.close().catch(() => {}), this.loginLimitMs).unref();
    }
    socket.onMessage((data) => {
      this.#answer(JSON.parse(data), logins)
        .then((answer) => {
          hasLoggedIn ||= answer.success;
          socket.send(JSON.stringify(answer));
        })
        .catch((error) => this.surprises.push(String(error)));
    });
  }

  async #answer({ request_id, action, payload }, logins) {
    if (action !== 'login') throw new Error(`LiveChat's stand-in got the unexpected frame ${action}`);
    const customerId = this.refusesAll ? null : await this.#customerOf(payload.token);
    logins.push({ accessToken: payload.token.replace(/^Bearer /, ''), customerId });
    if (customerId !== null) this.firstLoginMs ??= Date.now();
    const answer = { request_id, action, type: 'response' };
    return customerId === null
      ? { ...answer, success: false, payload: authenticationError }
      : { ...answer, success: true, payload: loginAnswer(customerId) };
  }

  async #customerOf(authorization) {
    if (this.#tokensToRefuse > 0 && !this.#refused.has(authorization)) {
      this.#tokensToRefuse -= 1;
      this.#refused.add(authorization);
    }
    if (this.#refused.has(authorization)) return null;

    const info = await fetch(`${this.sandboxUrl}/v2/customer/info`, {
      headers: { authorization },
      signal: AbortSignal.timeout(30_000),
    });
    if (!info.ok) return null;
    const { entity_id, organization_id } = await info.json();
    return organization_id === this.organizationId ? entity_id : null;
  }
}

const authenticationError = { error: { type: 'authentication', message: 'Invalid access token' } };

function loginAnswer(customerId) {
  const statistics = {
    chats_count: 0,
    threads_count: 0,
    visits_count: 1,
    page_views_count: 1,
    greetings_shown_count: 0,
    greetings_accepted_count: 0,
  };
  return {
    customer_id: customerId,
    customer: { id: customerId, type: 'customer', statistics },
    has_active_thread: false,
    chats: [],
    __priv_dynamic_config: { online_groups_ids: [0], customer_groups: { monitoring: { id: 0 } } },
  };
}
