// Stands in for LiveChat's widget if LiveChat is the sandbox. It calls the identity provider as the widget does, and shows the
// messages of the token's customer.

import { $, element, excerpt, parseJson } from '/dom.js';

const EVERY_MS = 1_000;
const TIMEOUT_MS = 5_000;
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const pause = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export class Chat {
  /** A new object for each chat that is opened. Results that belong to a former object are ignored. */
  #run;
  /** Ids of the messages that were written on this device. */
  #own = new Set();

  /** `begin` is called when somebody writes while no chat is open. `during(what, promise)` shows that a message is being sent. */
  constructor(root, url, begin, during = (_what, promise) => promise) {
    this.root = root;
    this.during = during;
    this.url = `${url}/sandbox/chat`;
    root.hidden = false;
    const form = $('form', root);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const { text } = form.elements;
      if (text.value.trim() === '') return;
      if (!this.#run) begin();
      if (await this.write(text.value)) text.value = '';
      text.focus();
    });
  }

  /** Closes the chat. `why` is shown in place of messages. With `canBegin`, a message can be written, which opens a chat. */
  close(why, canBegin) {
    this.#run = undefined;
    this.#own.clear();
    this.#show([]);
    this.#say('');
    this.#explain(why);
    for (const control of $('form', this.root).elements) control.disabled = !canBegin;
  }

  open({ provider, why }) {
    const run = { functions: provider(), latest: Promise.resolve() };
    this.#run = run;
    this.#explain(why);
    for (const control of $('form', this.root).elements) control.disabled = false;
    this.#poll(run);
  }

  /** Shows why the identity provider has no token yet. The provider retries by itself; until then its promise is pending. */
  waitFor(trouble) {
    if (this.isOpen) this.#say(`${trouble} Retrying.`);
  }

  get isOpen() {
    return this.#run !== undefined;
  }

  async #poll(run) {
    while (run === this.#run) {
      if (!(await this.#try(run, 'GET'))) return;
      await pause(EVERY_MS);
    }
  }

  /** Sends a message. Resolves with whether it was sent. */
  async write(text) {
    const run = this.#run;
    const send = $('button', this.root);
    send.disabled = true;
    const sent = this.#try(run, 'POST', text, (messages) => this.#own.add(messages.at(-1).id));
    const outcome = await this.during('Sending the message', sent);
    if (run === this.#run) send.disabled = false;
    return outcome === 'done';
  }

  /** Reads or writes messages, and shows them. Resolves with `done`, with `later` if a retry may succeed, or with undefined. */
  async #try(run, method, text, note = () => {}) {
    try {
      // One request after the other: otherwise a late response would replace the messages of a later request.
      run.latest = run.latest.catch(() => {}).then(() => this.#request(run, method, text));
      const messages = await run.latest;
      if (run !== this.#run) return undefined;
      note(messages);
      this.#show(messages);
      this.#say('');
      return 'done';
    } catch (error) {
      if (run !== this.#run) return undefined;
      // Errors of the identity provider have a code, and it has retried already.
      const isTemporary = error.code === undefined;
      this.#say(`${error.detail ?? `The sandbox: ${error.message}.`}${isTemporary ? ' Retrying.' : ''}`);
      if (!isTemporary) this.#run = undefined;
      return isTemporary ? 'later' : undefined;
    }
  }

  /** Like the widget, uses its token until it is refused. Then it retries once with a fresh token. */
  async #request(run, method, text) {
    run.token ??= await run.functions.getToken();
    let response = await this.#send(run.token, method, text);
    if (response.status === 401 && run === this.#run) {
      run.token = await run.functions.getFreshToken();
      response = await this.#send(run.token, method, text);
    }
    const body = await response.text();
    if (!response.ok) throw new Error(excerpt(body.trim()));
    return parseJson(body);
  }

  #send({ accessToken }, method, text) {
    return fetch(this.url, {
      method,
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { Authorization: `Bearer ${accessToken}`, ...(text !== undefined && { 'Content-Type': 'application/json' }) },
      body: text === undefined ? undefined : JSON.stringify({ text }),
    });
  }

  /** Adds only new messages: screen readers would read a replaced list again. */
  #show(messages) {
    const list = $('ol', this.root);
    if ([...list.children].some(({ dataset }, i) => dataset.id !== messages[i]?.id)) list.replaceChildren();
    const added = messages.slice(list.children.length).map(({ id, text, sentAt }) => {
      const time = element('time', { dateTime: new Date(sentAt).toISOString() }, clock.format(sentAt));
      const item = element('li', {}, element('p', {}, text), element('small', {}, time, this.#own.has(id) ? ' · from here' : ''));
      item.dataset.id = id;
      return item;
    });
    list.append(...added);
    $('.why', this.root).hidden = list.children.length > 0;
    // Only the list scrolls. `scrollIntoView` would scroll the page around the frame too.
    if (added.length) list.parentElement.scrollTop = list.parentElement.scrollHeight;
  }

  #explain(why) {
    $('.why', this.root).textContent = why;
  }

  #say(trouble) {
    $('.trouble', this.root).textContent = trouble;
  }
}
