// A site's page with a chat, on one device: its login, the identity provider of web/livechat-cip.js, and the panel "Under the
// hood". It reports every call to the page around it.

import { Begun } from '/begun.js';
import { Busy } from '/busy.js';
import { Chat } from '/chat.js';
import { $, brief, readConfig } from '/dom.js';
import { notify, outcome, refuse, say, showCaller, showToken } from '/internals.js';
import { createIdentityProvider } from '/livechat-cip.js';
import { NOBODY, canLogIn, checkName, optionsOf, userOf } from '/login.js';
import { isToken, observe } from '/observe.js';
import { Widget } from '/widget.js';

const { user: userField, group: groupField } = $('#login').elements;

class Device {
  /** The number of users and guests so far, which tells one guest from the next. */
  #turns = 0;
  #calls = 0;
  #busy = new Busy();

  constructor(name, config) {
    this.name = name;
    this.config = config;
    this.begun = new Begun(name);
    this.chat = config.sandboxUrl
      ? new Chat(
          $('#chat'),
          config.sandboxUrl,
          () => this.beginChat(),
          (...work) => this.#busy.during(...work),
        )
      : new Widget(config, (trouble) => say(trouble, true));
    observe(
      (headers, url) => this.#callerOf(headers, url),
      (call) => this.#begin(call),
    );

    const actions = { logout: () => this.logOut(), stranger: () => this.tryStranger() };
    for (const button of document.querySelectorAll('[data-action]')) button.addEventListener('click', actions[button.dataset.action]);
    for (const button of document.querySelectorAll('[data-operation]')) {
      button.addEventListener('click', () => this.run(button.dataset.operation));
    }
    $('#login').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.user === undefined) this.#enter();
    });
    groupField.addEventListener('change', () => this.#setUser(this.user, this.options));
    this.#setUser(undefined, NOBODY);
  }

  get group() {
    return groupField.value === '' ? undefined : groupField.valueAsNumber;
  }

  // ---- who uses the device

  /** From now on, calls are made for this user. If `user` is undefined, they are made for a guest, or not at all. */
  #setUser(user, options, { opensChat = true } = {}) {
    const { guests } = this.config;
    const isGuestLogin = this.caller?.isUser === false && user !== undefined;
    /** The customer of the guest who has just logged in, until the user's own is known. */
    this.guestEntityId = isGuestLogin ? this.token?.entityId : undefined;
    notify('');
    this.user = user;
    this.options = options;
    this.#turns += 1;
    this.caller = callerFor(user, this.config, `${this.name} ${this.#turns}`);
    this.token = undefined;
    this.isDropped = false;
    this.#busy.clear();
    this.chat.close(this.#why(), guests && user === undefined);
    this.provider = this.makeProvider();
    say('');
    refuse('');
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
      // A browser has at most six connections to a server, but further ones for requests without cookies. With one limit for both devices,
      // "Try it" would make five calls after the others.
      credentials: this.caller.isUser && name === 'phone' ? 'omit' : undefined,
      ...options,
      // This is called for a logout in another tab too. Providers of former users are ignored.
      onLogout: () => {
        if (provider === this.provider) this.#leave();
      },
      ...more,
    });
    return provider;
  }

  async logIn(user, how) {
    try {
      refuse('');
      checkName(user, this.config);
      $('#login button').disabled = true;
      this.#setUser(user, await this.#busy.during('Logging in', optionsOf(user, this.config)), how);
      userField.value = user;
      return true;
    } catch (error) {
      if (this.user === user) this.#setUser(undefined, NOBODY);
      refuse(`Not logged in: ${error.message}`);
      return false;
    } finally {
      $('#login button').disabled = false;
    }
  }

  /** Logs the user in whose name is in the form. Its controls then disappear, so the focus moves on. */
  async #enter() {
    if (!(await this.logIn(userField.value))) return;
    focus($(this.config.sandboxUrl ? '#chat [name=text]' : '[data-action=logout]'));
  }

  async logOut() {
    const isDone = await this.#endSession();
    say(isDone ? 'Logged out: the token is dropped and revoked.' : 'Logged out, but some tokens are not revoked yet.', !isDone);
    if (this.user === undefined) focus(userField);
  }

  #endSession() {
    // This sets another user at once.
    const done = this.provider.logout();
    return this.#busy.during('Logging out', done);
  }

  #leave() {
    this.begun.forget();
    this.#setUser(undefined, NOBODY, { opensChat: !this.isChanging });
    if (this.offered) userField.value = this.offered;
  }

  /** Suggests the name of a user who has no customer yet. What somebody has typed stays. */
  offer(user) {
    if (this.user === undefined && userField.value === (this.offered ?? userField.defaultValue)) userField.value = user;
    this.offered = user;
  }

  /** Logs a new user in, without opening the chat. */
  async become(user) {
    const hadGuestChat = this.user === undefined && this.token !== undefined;
    this.isChanging = true;
    await this.#endSession();
    this.isChanging = false;
    groupField.value = '';
    const isLoggedIn = await this.logIn(user, { opensChat: false });
    if (hadGuestChat) notify('“Try it” began with a new visitor on this device, so the guest’s chat was not taken over.');
    return isLoggedIn;
  }

  /** LiveChat's widget opens its chat with the page. Its stand-in opens a guest's chat when the guest writes. */
  get hasBegun() {
    return !this.config.sandboxUrl || this.begun.isKnown;
  }

  beginChat() {
    if (this.user === undefined) this.begun.remember();
    this.chat.open({ provider: this.provider, group: this.group, why: this.#why() });
  }

  #why() {
    if (this.user !== undefined) return `No messages yet. What “${brief(this.user)}” writes here shows on all their devices.`;
    if (this.config.guests) return `Write something as a guest.${this.config.adoptsGuests ? ' When you log in, the chat goes on.' : ''}`;
    return canLogIn(this.config) ? 'Log in to chat.' : 'Nobody can log in here, because only you have the key or secret.';
  }

  // ---- under the hood

  /** Calls an operation by hand, as the widget may call it. */
  async run(operation) {
    const calls = this.#calls;
    const { provider } = this;
    try {
      // The script may wait before it makes a request, for example after failures.
      const value = await this.#busy.during(`${operation} is waiting`, provider()[operation]());
      if (provider !== this.provider) return;
      if (calls === this.#calls)
        say(
          operation === 'hasToken'
            ? `hasToken: ${value}, and no request was made`
            : `${operation}: the token that this page has, and no request was made`,
        );
      if (isToken(value) && this.config.sandboxUrl && !this.chat.isOpen) this.beginChat();
    } catch (error) {
      if (provider !== this.provider || calls !== this.#calls) return;
      say(`${operation}: ${error.detail ?? error.message} No request was made: it was refused a moment ago.`, true);
    }
  }

  /** Calls with this user's credentials and another user's path, to show the response. */
  async tryStranger() {
    const provider = this.makeProvider({ user: this.user === 'bob' ? 'alice' : 'bob', ...this.#apart('stranger') });
    // The call itself is observed and shown, also if it fails.
    await provider()
      .getToken()
      .catch(() => {});
  }

  /** Simulates this number of tabs that are opened at the same moment. Each has its own provider; the first is this page's. */
  async rush(tabs) {
    const others = Array.from({ length: tabs - 1 }, (_, i) => this.makeProvider(this.#apart(`tab ${i + 2}`)));
    const providers = [this.provider, ...others];
    const results = await Promise.allSettled(providers.map((provider) => provider().getToken()));
    this.beginChat();
    return results.map(({ value }) => value?.entityId ?? null);
  }

  /** Options for another provider on this page: a page has one provider for each scope. */
  #apart(what) {
    return { scope: `${this.name}, ${what}`, guest: false, onLogout: () => {} };
  }

  /** The caller of a request. A provider of a former user may still make requests, for example when it retries. */
  #callerOf(headers, url) {
    const credential = headers.get('Authorization') ?? headers.get('X-User-Hash');
    const inPath = this.config.auth === 'none' ? url.pathname.split('/')[2] : undefined;
    const user = credential ? userOf(credential) : inPath && decodeURIComponent(inPath);
    const isPresent = user === undefined ? !this.caller.isUser : this.caller.name === user && this.caller.isUser;
    return { caller: isPresent ? this.caller : callerFor(user, this.config, `former ${this.name}`), group: groupField.value };
  }

  /** Shows that the call is running. Returns the function that ends it. */
  #begin(call) {
    const end = this.#busy.begin(call.isLogout ? 'The logout' : call.operation, true);
    return () => {
      end();
      this.#showCall(call);
    };
  }

  #showCall(call) {
    this.#calls += 1;
    // A response for a former user is logged, not shown here.
    if (call.caller.key === this.caller.key && call.group === groupField.value) {
      if (!call.problem && isToken(call.value)) this.#receive(call.value);
      if (!call.problem && call.operation !== 'hasToken') this.isDropped = call.operation === 'invalidate';
      say(outcome(call), Boolean(call.problem));
      if (call.problem?.isTemporary) this.chat.waitFor?.(call.problem.detail);
      this.show();
    }
    this.#tell({ type: 'call', call });
  }

  #receive(token) {
    this.token = token;
    if (this.guestEntityId && this.guestEntityId !== token.entityId) {
      notify(this.#whyLeftBehind());
    }
    this.guestEntityId = undefined;
  }

  /** Why the user did not get the customer of the guest who logged in. */
  #whyLeftBehind() {
    if (!this.config.adoptsGuests) return 'The guest’s chat was not taken over, because ADOPT_GUESTS is false.';
    const user = `“${brief(this.user)}”`;
    const hint = this.offered && this.offered !== this.user ? ` To see that, log in with a new name, such as ${this.offered}.` : '';
    return `${user} already had a customer, so the guest’s chat was not taken over. A user takes it over only if they have no customer yet.${hint}`;
  }

  // ---- what is shown here, and reported to the page around

  show() {
    showCaller(this.config, this.user);
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

/** The caller with this name; without a name, the guest or nobody with this key. */
function callerFor(user, { guests }, key) {
  if (user !== undefined) return { name: user, key: `user ${user}`, isUser: true };
  return { name: guests ? 'a guest' : 'nobody', key, isUser: false };
}

/** Moves the focus, unless somebody has gone on to the other device. */
function focus(control) {
  if (document.hasFocus()) control.focus({ preventScroll: true });
}

// ---- commands of the page around

const commands = {
  offer: (device, { user }) => device.offer(user),
  become: (device, { user }) => device.become(user),
  rush: (device, { tabs }) => device.rush(tabs),
  write: (device, { text }) => device.chat.write?.(text),
  state: (device) => device.tellState(),
};

const name = new URLSearchParams(location.search).get('name') ?? 'laptop';
document.body.dataset.device = name;
document.title = `Your site on the ${name}`;
// The other device has the same landmarks.
for (const [selector, what] of Object.entries({ header: 'Login', main: 'Your site', '#chat': 'Chat' })) {
  $(selector).ariaLabel = `${what} on the ${name}`;
}
$('#internals').open = matchMedia('(min-width: 34rem)').matches;
try {
  const device = new Device(name, await readConfig());
  addEventListener('message', async ({ origin, source, data, ports: [port] }) => {
    if (origin !== location.origin || source !== window.parent || !Object.hasOwn(commands, data.command)) return;
    const result = await commands[data.command](device, data);
    port?.postMessage(result);
  });
} catch (error) {
  $('#state').textContent = `This device does not work: ${error.message}`;
}
