// The frame of the chat panel. The page around it has the identity provider: see chat-panel.js.

import { Chat } from '/chat.js';
import { $, excerpt, readConfig } from '/dom.js';
import { isToken } from '/observe.js';

const PATIENCE_MS = 3_000;
const WHY = 'No messages yet. What is written here shows on all devices of this user.';

/** The page's identity provider: each call is a message with an id, and the result is a message with this id. */
class Bridge {
  #pending = new Map();
  #calls = 0;

  constructor(port) {
    this.port = port;
  }

  settle({ id, value, error }) {
    const { resolve, reject } = this.#pending.get(id);
    this.#pending.delete(id);
    if (error) reject(Object.assign(new Error(error.detail), error));
    else resolve(value);
  }

  call(name) {
    return new Promise((resolve, reject) => {
      this.#calls += 1;
      this.#pending.set(this.#calls, { resolve, reject });
      this.port.postMessage({ call: name, id: this.#calls });
    });
  }

  async token(name) {
    const token = await this.call(name);
    if (isToken(token)) return token;
    const detail = `${name} returned ${excerpt(JSON.stringify(token) ?? 'undefined')}, which is not a token.`;
    throw Object.assign(new Error(detail), { code: 'not_a_token', detail });
  }
}

async function start(port, problem) {
  const bridge = new Bridge(port);
  const { livechat, sandboxUrl } = await readConfig();
  const chat = new Chat($('#chat'), sandboxUrl, open);
  port.onmessage = ({ data }) => (data.size ? fold(data.size) : bridge.settle(data));
  port.postMessage({ started: true });
  $('#fold').addEventListener('click', () => fold(document.body.dataset.size === 'minimize' ? 'maximize' : 'minimize'));

  const why =
    livechat === 'sandbox'
      ? problem
      : 'cargo local uses your LiveChat licence. Put LiveChat’s own tracking code on this page, in place of this script.';
  if (why) chat.close(why, false);
  else open();

  function open() {
    chat.open({ provider: () => ({ getToken: () => token('getToken'), getFreshToken: () => token('getFreshToken') }), why: WHY });
  }

  async function token(name) {
    const late = setTimeout(() => chat.waitFor(`${name} has returned nothing yet. The browser’s console may say why.`), PATIENCE_MS);
    try {
      const received = await bridge.token(name);
      $('#chat-title').textContent = `Customer ${received.entityId.slice(0, 8)}`;
      return received;
    } finally {
      clearTimeout(late);
    }
  }

  function fold(size) {
    document.body.dataset.size = size;
    $('#fold').textContent = size === 'minimize' ? 'Open' : 'Minimise';
    $('#fold').setAttribute('aria-expanded', size !== 'minimize');
    port.postMessage({ size });
  }
}

addEventListener('message', ({ source, data, ports: [port] }) => {
  if (source === window.parent && port) start(port, data.problem);
});
