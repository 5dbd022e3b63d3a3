// A site's page with a chat, as one device shows it: its login, the identity provider of web/livechat-cip.js, and what goes on
// under the hood. The page around it is told of every call.

import { Chat } from '/chat.js';
import { $, readConfig } from '/dom.js';
import { outcome, say, showCaller, showToken } from '/hood.js';
import { createIdentityProvider } from '/livechat-cip.js';
import { NOBODY, canLogIn, optionsOf } from '/login.js';
import { isToken, observe } from '/observe.js';
import { Widget } from '/widget.js';

const { user: userField, group: groupField } = $('#login').elements;

class Device {
  /** How many have used it, so that one guest is told from the next. */
  #turns = 0;
  #calls = 0;

  constructor(name, config) {
    this.name = name;
    this.config = config;
    // Whether this guest has begun to chat, also before a reload. Until then, nobody needs a customer.
    this.place = `chat-begun:${name}`;
    this.chat = config.sandboxUrl
      ? new Chat($('#chat'), config.sandboxUrl, () => this.beginChat())
      : new Widget(config, (trouble) => say(trouble, true));
    observe(
      (headers, url) => this.#callerOf(headers, url),
      (call) => this.#answered(call),
    );

    const actions = { logout: () => this.logOut(), stranger: () => this.tryStranger() };
    for (const button of document.querySelectorAll('[data-action]')) button.addEventListener('click', actions[button.dataset.action]);
    for (const button of document.querySelectorAll('[data-operation]')) {
      button.addEventListener('click', () => this.run(button.dataset.operation));
    }
    $('#login').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.user === undefined) this.logIn(userField.value);
    });
    groupField.addEventListener('change', () => this.#take(this.user, this.options));
    this.#take(undefined, NOBODY);
  }

  get group() {
    return groupField.value === '' ? undefined : groupField.valueAsNumber;
  }

  // ---- who is here

  /** From now on it is this user who calls, or a guest, or nobody. */
  #take(user, options, { opensChat = true } = {}) {
    const { guests } = this.config;
    this.former = this.caller;
    this.user = user;
    this.options = options;
    this.#turns += 1;
    this.caller =
      user === undefined
        ? { name: guests ? 'a guest' : 'nobody', key: `${this.name} ${this.#turns}`, isUser: false }
        : { name: user, key: `user ${user}`, isUser: true };
    this.token = undefined;
    this.isDropped = false;
    this.chat.close(this.#why(), guests && user === undefined);
    this.provider = this.makeProvider();
    say('');
    this.show();
    if (opensChat && (user !== undefined || (guests && this.hasBegun))) this.beginChat();
  }

  makeProvider(more = {}) {
    const { config, group, name, options } = this;
    const provider = createIdentityProvider({
      baseUrl: location.origin,
      guest: config.guests,
      scope: name,
      group,
      ...options,
      // Also if it was in another tab. Providers of those who were here before have nothing to say.
      onLogout: () => {
        if (provider === this.provider) this.#leave();
      },
      ...more,
    });
    return provider;
  }

  async logIn(user, how) {
    try {
      if (user === '') throw new Error('Type a user name first.');
      $('#login button').disabled = true;
      this.#take(user, await optionsOf(user, this.config), how);
      userField.value = user;
      return true;
    } catch (error) {
      if (this.user === user) this.#take(undefined, NOBODY);
      say(`Not logged in: ${error.message}`, true);
      return false;
    } finally {
      $('#login button').disabled = false;
    }
  }

  async logOut() {
    const isTold = await this.provider.logout();
    say(isTold ? 'Logged out: the token is dropped, and LiveChat was told.' : 'Logged out, but the backend could not be told.', !isTold);
  }

  #leave() {
    keep(this.place);
    this.#take(undefined, NOBODY, { opensChat: !this.isChanging });
  }

  /** A new user sits down, whom nobody has seen before, and does not chat yet. */
  async become(user) {
    this.isChanging = true;
    await this.provider.logout();
    this.isChanging = false;
    groupField.value = '';
    return this.logIn(user, { opensChat: false });
  }

  /** LiveChat's widget comes with the page; its stand-in leaves visitors alone until they write. */
  get hasBegun() {
    return !this.config.sandboxUrl || recall(this.place) !== undefined;
  }

  beginChat() {
    if (this.user === undefined) keep(this.place, 'yes');
    this.chat.open({ provider: this.provider, group: this.group, why: this.#why() });
  }

  #why() {
    if (this.user !== undefined) return `No messages yet. What “${this.user}” writes here shows on all their devices.`;
    if (this.config.guests) return 'Write something as a guest. When you log in, the chat goes on.';
    return canLogIn(this.config) ? 'Log in to chat.' : 'Nobody can log in here, as the key or secret is yours.';
  }

  // ---- under the hood

  /** What the widget may do, done by hand. */
  async run(operation) {
    const calls = this.#calls;
    const { provider } = this;
    try {
      const value = await provider()[operation]();
      if (provider !== this.provider) return;
      if (calls === this.#calls)
        say(
          operation === 'hasToken'
            ? `hasToken: ${value}, and no request was made`
            : `${operation}: the one at hand, and no request was made`,
        );
      if (isToken(value) && this.config.sandboxUrl && !this.chat.isOpen) this.beginChat();
    } catch (error) {
      if (provider !== this.provider || calls !== this.#calls) return;
      say(`${operation}: ${error.detail ?? error.message} No request was made: it was refused a moment ago.`, true);
    }
  }

  /** What is answered to somebody who claims to be somebody else. */
  async tryStranger() {
    const provider = this.makeProvider({ user: this.user === 'bob' ? 'alice' : 'bob', ...this.#apart('stranger') });
    // The call itself is observed, whatever comes of it.
    await provider()
      .getToken()
      .catch(() => {});
  }

  /** As if that many tabs were opened at the same moment: each has a provider of its own, and the first is this page's. */
  async rush(tabs) {
    const others = Array.from({ length: tabs - 1 }, (_, i) => this.makeProvider(this.#apart(`tab ${i + 2}`)));
    const providers = [this.provider, ...others];
    const results = await Promise.allSettled(providers.map((provider) => provider().getToken()));
    this.beginChat();
    return results.map(({ value }) => value?.entityId ?? null);
  }

  /** For a provider beside the page's own: a page has one of each scope. */
  #apart(what) {
    return { scope: `${this.name}, ${what}`, guest: false, onLogout: () => {} };
  }

  /** Whoever logs out is still the caller of what that needs. */
  #callerOf(headers, url) {
    const isUser = Boolean(
      headers.get('Authorization') ?? headers.get('X-User-Hash') ?? (this.config.auth === 'none' && url.pathname.split('/')[2]),
    );
    const caller = isUser && !this.caller.isUser && this.former ? this.former : this.caller;
    return { caller, group: groupField.value };
  }

  #answered(call) {
    this.#calls += 1;
    // An answer for somebody who has left since is logged, not shown.
    if (call.caller.key === this.caller.key && call.group === groupField.value) {
      if (!call.problem && isToken(call.value)) this.token = call.value;
      if (!call.problem && call.operation !== 'hasToken') this.isDropped = call.operation === 'invalidate';
      say(outcome(call), Boolean(call.problem));
      if (call.problem?.isPassing) this.chat.waitFor?.(call.problem.detail);
      this.show();
    }
    this.#tell({ type: 'call', call });
  }

  // ---- what is seen, here and by the page around it

  show() {
    showCaller(this.config, this.user, this.caller);
    showToken(this.token, this.isDropped);
    this.tellState();
  }

  tellState() {
    const { caller, token } = this;
    this.#tell({ type: 'state', state: { caller, group: groupField.value, entityId: token?.entityId } });
  }

  #tell(message) {
    window.parent.postMessage(message, location.origin);
  }
}

// A browser that keeps nothing for pages shows a guest's chat only until a reload.

function recall(place) {
  try {
    return localStorage.getItem(place) ?? undefined;
  } catch {
    return undefined;
  }
}

function keep(place, value) {
  try {
    if (value === undefined) localStorage.removeItem(place);
    else localStorage.setItem(place, value);
  } catch {
    /* see above */
  }
}

// ---- what the page around it may ask for

const commands = {
  become: (device, { user }) => device.become(user),
  rush: (device, { tabs }) => device.rush(tabs),
  write: (device, { text }) => device.chat.write?.(text),
  state: (device) => device.tellState(),
};

const name = new URLSearchParams(location.search).get('name') ?? 'laptop';
document.body.dataset.device = name;
document.title = `Your site on the ${name}`;
$('#hood').open = matchMedia('(min-width: 34rem)').matches;
try {
  const device = new Device(name, await readConfig());
  addEventListener('message', async ({ origin, source, data, ports: [port] }) => {
    if (origin !== location.origin || source !== window.parent || !Object.hasOwn(commands, data.command)) return;
    const answer = await commands[data.command](device, data);
    port?.postMessage(answer);
  });
} catch (error) {
  $('#state').textContent = `This device does not work: ${error.message}`;
}
