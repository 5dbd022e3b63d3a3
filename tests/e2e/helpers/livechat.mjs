// A stand-in for the server of LiveChat's Customer Chat API (RTM, v3.5), with the part that the Customer SDK needs for a login. It gets the
// customer of a token from the sandbox, as LiveChat gets it from its account service.

export class LiveChatSocket {
  #tokensToRefuse = 0;
  /** How long a socket may be open without a login, in ms: 30 s at LiveChat. With `Infinity`, it is never closed. */
  loginLimitMs = 30_000;
  /** Whether every token is refused. */
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
    /** Errors because of unexpected frames. */
    this.surprises = [];
  }

  /** Refuses the token of the next login, then and in all later logins. */
  refuseTokenOfNextLogin() {
    this.#tokensToRefuse += 1;
  }

  /** Ends all connections with this reason, as LiveChat does when a token expires or is revoked. */
  async disconnect(reason) {
    const frame = JSON.stringify({ action: 'customer_disconnected', type: 'push', payload: { reason } });
    const sockets = [...this.#sockets];
    this.#sockets.clear();
    for (const socket of sockets) {
      await socket.send(frame);
      // The client may have closed it already.
      await socket.close().catch(() => {});
    }
  }

  /** Restores the behaviour at the start. */
  reset() {
    Object.assign(this, { loginLimitMs: 30_000, refusesAll: false, firstLoginMs: undefined });
    this.#tokensToRefuse = 0;
  }

  /** Takes the place of LiveChat for a page of Playwright. Adds each login to `logins`. */
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
      this.#respond(JSON.parse(data), logins)
        .then((response) => {
          hasLoggedIn ||= response.success;
          socket.send(JSON.stringify(response));
        })
        .catch((error) => this.surprises.push(String(error)));
    });
  }

  async #respond({ request_id, action, payload }, logins) {
    if (action !== 'login') throw new Error(`LiveChat's stand-in got the unexpected frame ${action}`);
    const customerId = this.refusesAll ? null : await this.#customerOf(payload.token);
    logins.push({ accessToken: payload.token.replace(/^Bearer /, ''), customerId });
    if (customerId !== null) this.firstLoginMs ??= Date.now();
    const response = { request_id, action, type: 'response' };
    return customerId === null
      ? { ...response, success: false, payload: authenticationError }
      : { ...response, success: true, payload: loginPayload(customerId) };
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

function loginPayload(customerId) {
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
