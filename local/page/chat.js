// Stands in for LiveChat's widget where there is only the sandbox: asks the identity provider as the widget does, and shows what
// its customer wrote.

import { $, element, excerpt, parseJson } from '/dom.js';

const EVERY_MS = 1_000;
const PATIENCE_MS = 5_000;
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const pause = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export class Chat {
  /** Another one for each chat that is opened: what is left of a former one must not show. */
  #run;
  /** Ids of what was written here. */
  #own = new Set();

  /** `begin` is called when somebody writes before the chat is open. */
  constructor(root, url, begin) {
    this.root = root;
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

  /** Nobody's, as yet. `why` is said in place of messages; whether one can write is `canBegin`. */
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

  /** Why the identity provider has no token yet. It tries again by itself, and its promise is pending meanwhile. */
  waitFor(trouble) {
    if (this.isOpen) this.#say(`${trouble} It is tried again.`);
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

  /** Whether that worked. */
  async write(text) {
    const run = this.#run;
    const send = $('button', this.root);
    send.disabled = true;
    const outcome = await this.#try(run, 'POST', text, (messages) => this.#own.add(messages.at(-1).id));
    if (run === this.#run) send.disabled = false;
    return outcome === 'done';
  }

  /** What became of it: `done`, `later` if it is worth trying again, or nothing. */
  async #try(run, method, text, note = () => {}) {
    try {
      // One after the other, or a late answer would take back what a later one brought.
      run.latest = run.latest.catch(() => {}).then(() => this.#ask(run, method, text));
      const messages = await run.latest;
      if (run !== this.#run) return undefined;
      note(messages);
      this.#show(messages);
      this.#say('');
      return 'done';
    } catch (error) {
      if (run !== this.#run) return undefined;
      const isPassing = error.code === undefined;
      this.#say(`${error.detail ?? `The sandbox: ${error.message}.`}${isPassing ? ' It is tried again.' : ''}`);
      if (!isPassing) this.#run = undefined;
      return isPassing ? 'later' : undefined;
    }
  }

  /** As the widget: with the token that it has, until that is refused, and then with a fresh one, once. */
  async #ask(run, method, text) {
    run.token ??= await run.functions.getToken();
    let response = await this.#send(run.token, method, text);
    if (response.status === 401 && run === this.#run) {
      run.token = await run.functions.getFreshToken();
      response = await this.#send(run.token, method, text);
    }
    const answer = await response.text();
    if (!response.ok) throw new Error(excerpt(answer.trim()));
    return parseJson(answer);
  }

  #send({ accessToken }, method, text) {
    return fetch(this.url, {
      method,
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { Authorization: `Bearer ${accessToken}`, ...(text !== undefined && { 'Content-Type': 'application/json' }) },
      body: text === undefined ? undefined : JSON.stringify({ text }),
    });
  }

  /** Only what is new is added: screen readers would read all of it again. */
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
    // Nothing but this scrolls: the page around it stays where it is.
    if (added.length) list.parentElement.scrollTop = list.parentElement.scrollHeight;
  }

  #explain(why) {
    $('.why', this.root).textContent = why;
  }

  #say(trouble) {
    $('.trouble', this.root).textContent = trouble;
  }
}
