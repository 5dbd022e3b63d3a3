// The demo page: two devices call the four routes, as the chat widget would, and show what came back and from where.

import { Session, canLogIn, credentialsOf, named } from '/session.js';

const SOURCES = {
  store: 'store',
  livechat: 'LiveChat',
  waited: 'waited for another call',
  'store-livechat-down': 'store (LiveChat down)',
};
// RFC 9211, section 2.2: why a cache went to the origin.
const REASONS = { miss: 'no token stored', stale: 'stored token too old', request: 'a fresh one was asked for' };
const FAULTS = {
  'LiveChat is down': ['http_503', 'http_500', 'http_429', 'hang', 'hang_after', 'slow_body', 'reset_before', 'reset_after'],
  'LiveChat refuses': ['oauth_server_error', 'oauth_invalid_request', 'oauth_in_200', 'identity_exception'],
  'LiveChat answers nonsense': ['html', 'empty', 'truncated', 'huge', 'missing_fields', 'no_cookies', 'one_cookie',
    'expires_zero', 'expires_negative', 'expires_absurd'],
  'LiveChat is odd, which does no harm': ['extra_cookies', 'expires_only'],
  'LiveChat forgets': ['other_entity'],
};
const LOG_ROWS = 200;
// Longer than a Lambda function may take, so that the backend's own error comes first.
const PATIENCE_MS = 30_000;

const $ = (selector, root = document) => root.querySelector(selector);
const localTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const logTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const terms = (pairs) => pairs.map(([term, value]) => element('div', {}, element('dt', {}, term), element('dd', {}, value)));
const excerpt = (text) => (text.length > 160 ? `${text.slice(0, 160)}…` : text || 'an empty body');

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// ---- calling the backend

const isToken = (value) =>
  typeof value?.entityId === 'string' && typeof value.accessToken === 'string' &&
  typeof value.creationDate === 'number' && !Number.isNaN(new Date(value.creationDate + value.expiresIn).getTime());

const OPERATIONS = {
  getToken: { method: 'GET', accepts: isToken },
  getFreshToken: { method: 'POST', accepts: isToken },
  hasToken: { method: 'GET', accepts: (value) => typeof value === 'boolean' },
  invalidate: { method: 'POST', accepts: (value) => value === null },
};

function route(operation, user, group) {
  // URL parsers take these two for steps in the path, even percent-encoded, and the call would go elsewhere.
  if (user === '.' || user === '..') throw new Error(`A browser cannot send the user name “${user}” in a path.`);
  const path = user === '' ? `/${operation}` : `/${operation}/${encodeURIComponent(user)}`;
  return group === '' ? path : `${path}?group=${group}`;
}

/** A Structured Fields list (RFC 9651): each member's name and parameters. Malformed, it is ignored as a whole, as the RFC demands. */
function parseList(header) {
  const item = String.raw`"(?:\\["\\]|[^"\\])*"|[^\s;,="]+`;
  const part = new RegExp(String.raw`(^|[,;])\s*(${item})(?:=(${item}))?\s*`, 'gy');
  const bare = (text) => (text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text);
  const members = [];
  let end = 0;
  for (const [text, separator, key, value = '?1'] of header.matchAll(part)) {
    end += text.length;
    if (separator !== ';') members.push({ name: bare(key) });
    else members.at(-1)[key] = value.startsWith('?') ? value === '?1' : bare(value);
  }
  return end === header.length ? members : [];
}

/** Where the answer came from, and why. */
function sourceOf(headers) {
  const status = parseList(headers.get('Cache-Status') ?? '').find(({ name }) => name === 'livechat-cip');
  if (status?.hit && status.detail === 'livechat-unavailable') return ['store-livechat-down'];
  if (status?.collapsed) return ['waited'];
  if (status?.hit) return ['store'];
  if (status?.fwd) return ['livechat', REASONS[status.fwd]];
  return ['none'];
}

/** Always resolves: whatever goes wrong is the call's `problem`, for the log to show. `content` is sent as JSON, if there is any. */
async function call(operation, caller, group, content) {
  const { method, accepts } = OPERATIONS[operation];
  const done = { operation, caller, group, method, url: `/${operation}`, status: '–', source: 'none' };
  const start = performance.now();
  try {
    done.url = route(operation, caller.inPath, group);
    const headers = { ...caller.headers, ...(content && { 'Content-Type': 'application/json' }) };
    const body = content && JSON.stringify(content);
    const response = await fetch(done.url, { method, headers, body, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    done.status = response.status;
    [done.source, done.reason] = sourceOf(response.headers);
    const text = await response.text();
    done.value = parseJson(text);
    if (!response.ok) {
      const { code = `status ${response.status}`, detail = `The answer: ${excerpt(text)}`, requestId } = done.value ?? {};
      done.problem = { code, detail, requestId };
    } else if (!accepts(done.value)) {
      done.problem = { code: done.value === undefined ? 'not JSON' : 'unexpected answer', detail: `The answer: ${excerpt(text)}` };
    }
  } catch (error) {
    done.problem = problemOf(error);
  }
  done.ms = Math.round(performance.now() - start);
  return done;
}

function problemOf(error) {
  if (error.name === 'TimeoutError') return { code: 'no answer', detail: `Nothing came within ${PATIENCE_MS / 1000} s.` };
  if (error instanceof TypeError) return { code: 'no answer', detail: `The connection failed (${error.message}). Is cargo local still running?` };
  return { code: 'not sent', detail: error.message };
}

// ---- the devices

class Device {
  waiting = 0;

  constructor(name, root) {
    this.name = name;
    this.root = root;
    root.append($('#screen').content.cloneNode(true));
    $('h2', root).textContent = name;
    this.fields = $('form', root).elements;
    $('form', root).addEventListener('submit', (event) => {
      event.preventDefault();
      this.run(event.submitter?.dataset.operation ?? 'getToken');
    });
    $('form', root).addEventListener('input', ({ target }) => {
      // Where there is a login, a name that is typed is nobody yet.
      if (!this.session || target !== this.fields.user) this.forget();
    });
  }

  /** There is a login, and perhaps guests. */
  open(session) {
    this.session = session;
    $('.fields', this.root).after($('#session').content.cloneNode(true));
    const actions = { login: () => this.logIn(), logout: () => this.logOut(), stranger: () => this.tryStranger() };
    for (const button of this.root.querySelectorAll('[data-action]')) button.addEventListener('click', actions[button.dataset.action]);
    this.fields.user.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || session.user !== undefined) return;
      event.preventDefault();
      this.logIn();
    });
    this.forget();
  }

  get caller() { return this.session?.caller ?? named(this.fields.user.value); }
  get group() { return this.fields.group.value; }

  /** Another user has sat down: what is on the screen is not theirs. */
  forget() {
    this.token = undefined;
    this.last = undefined;
    this.show();
  }

  /** Logs in, and goes on as the chat widget would: the guest's customer becomes the user's, unless that one has one. */
  async logIn() {
    if (await this.become(this.fields.user.value)) await this.run('getToken');
  }

  /** From now on it is this user who calls. Says whether that worked. */
  async become(user) {
    this.fields.user.value = user;
    try {
      await this.session?.logIn(user);
    } catch (error) {
      this.last = { operation: 'Log in', problem: { code: 'no credentials', detail: error.message } };
      this.show();
      return false;
    }
    this.forget();
    return true;
  }

  async logOut() {
    const { key } = this.caller;
    const done = await this.run('invalidate', this.caller, { logout: true });
    // Whoever pressed twice has logged out once.
    if (key !== this.caller.key) return;
    this.session.end();
    this.forget();
    this.last = done;
    this.show();
  }

  /** What a call for another user is answered. */
  tryStranger() {
    return this.run('getToken', { ...this.caller, inPath: this.session.user === 'bob' ? 'alice' : 'bob' });
  }

  async run(operation, caller = this.caller, content = undefined) {
    this.waiting += 1;
    this.show();
    const done = await call(operation, caller, this.group, content);
    this.waiting -= 1;
    done.isLogout = Boolean(content?.logout);
    // An answer for a user who has left since is logged, not shown.
    if (done.caller.key === this.caller.key && done.group === this.group) {
      if (done.problem?.code === 'guest_gone') this.replaceGuest(done);
      this.last = done;
      if (!done.problem && isToken(done.value)) this.token = done.value;
      if (!done.problem && operation !== 'hasToken') this.dropped = operation === 'invalidate';
    }
    this.show();
    log(this.name, done);
    mood?.refreshSoon();
    return done;
  }

  replaceGuest(done) {
    this.session.newGuest();
    this.forget();
    done.problem.detail += ' This device has made a new one.';
  }

  showSession() {
    const { user, config } = this.session;
    const isUser = user !== undefined;
    const { name } = this.caller;
    $('.who', this.root).textContent = isUser ? `Logged in as “${name}”` : `Not logged in${config.guests ? `: ${name}` : ''}`;
    this.fields.user.readOnly = isUser;
    const show = (action, shown) => { $(`[data-action=${action}]`, this.root).hidden = !shown; };
    show('login', !isUser && canLogIn(config));
    show('logout', isUser);
    show('stranger', config.auth !== 'none');
  }

  show() {
    const { token, last, waiting, root } = this;
    if (this.session) this.showSession();
    const state = $('.state', root);
    state.dataset.failed = Boolean(last?.problem) && !waiting;
    state.textContent = waiting ? `Waiting for ${waiting === 1 ? 'the answer' : `${waiting} answers`}…` : outcome(last);
    $('.empty', root).hidden = Boolean(token);
    $('.customer', root).hidden = !token;
    const entity = $('[data-entity-id]', root);
    entity.textContent = entity.dataset.entityId = token?.entityId ?? '';
    if (token) {
      draw($('.mark path', root), token.entityId);
      const accessToken = element('span', { className: 'token' }, shorten(token.accessToken));
      $('dl', root).replaceChildren(...terms([
        ['accessToken', this.dropped ? element('span', {}, element('s', {}, accessToken), ' dropped') : accessToken],
        ['creationDate', instant(token.creationDate)],
        ['expires', instant(token.creationDate + token.expiresIn)],
        ['time left', element('span', { className: 'left' })],
        ...['licenseId', 'organizationId'].filter((key) => key in token).map((key) => [key, String(token[key])]),
      ]));
      this.tick();
    }
    showVerdict();
  }

  tick() {
    if (this.token) $('.left', this.root).textContent = timeLeft(this.token.creationDate + this.token.expiresIn - Date.now());
  }
}

function outcome(last) {
  if (!last) return '';
  if (last.problem) return `${last.operation} failed: ${last.problem.code}. ${last.problem.detail}`;
  if (last.isLogout) return `Logged out: the token is dropped, and LiveChat is told, ${last.ms} ms`;
  const answer = { hasToken: `: ${last.value}`, invalidate: ': the token is dropped, the customer stays' }[last.operation] ?? '';
  const source = { none: '', waited: ', waited for another call' }[last.source] ?? `, from ${SOURCES[last.source]}`;
  return `${last.operation}${answer}${source}, ${last.ms} ms`;
}

const shorten = (secret) => (secret.length > 20 ? `${secret.slice(0, 10)}…${secret.slice(-4)}` : `${secret.slice(0, 4)}…`);

const instant = (ms) => element('time', { dateTime: new Date(ms).toISOString() }, localTime.format(ms));

function timeLeft(ms) {
  const s = Math.floor(ms / 1000);
  const two = (n) => String(n % 60).padStart(2, '0');
  return s < 0 ? 'expired' : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60))}:${two(s)}`;
}

/** A picture of the entity id, so that "the same" is seen before 36 characters are compared. */
function draw(path, id) {
  // FNV-1a: ids that differ in one character look different.
  const hash = [...id].reduce((sum, char) => Math.imul(sum ^ char.codePointAt(0), 0x01000193) >>> 0, 0x811c9dc5);
  const cells = Array.from({ length: 15 }, (_, i) => [i % 3, Math.floor(i / 3)]).filter((_, i) => hash >>> i & 1);
  path.setAttribute('d', cells.map(([x, y]) => `M${x} ${y}h1v1h-1zM${4 - x} ${y}h1v1h-1z`).join(''));
  path.setAttribute('fill', `hsl(${hash % 360} 55% 50%)`);
}

function showVerdict() {
  const [kind, headline, detail] = verdict(...devices);
  const line = $('#verdict');
  // Screen readers would read an unchanged verdict again after each call.
  if (line.textContent === headline + detail) return;
  line.dataset.verdict = kind;
  line.role = kind === 'wrong' ? 'alert' : 'status';
  line.replaceChildren(element('strong', {}, headline), detail);
}

function verdict(a, b) {
  const person = ({ isUser, name }) => (isUser ? `“${name}”` : name);
  const who = ({ caller, group }) => (group === '' ? person(caller) : `${person(caller)} in group ${group}`);
  const Who = (device) => who(device).replace(/^a /, 'A ');
  if (!a.token && !b.token) return ['none', 'Nobody has a customer yet', 'Press getToken on both devices, or Try it.'];
  if (!a.token || !b.token) {
    const [here, there] = a.token ? [a, b] : [b, a];
    return ['none', `${Who(here)} has a customer on the ${here.name.toLowerCase()}`, `Now press getToken on the ${there.name.toLowerCase()}.`];
  }
  const same = a.token.entityId === b.token.entityId;
  if (a.caller.key !== b.caller.key) {
    const two = a.caller.isUser && b.caller.isUser ? 'Two users' : 'Two visitors';
    return same
      ? ['wrong', `${two} share one customer`, `${Who(a)} and ${who(b)} would see each other’s chats. This is a fault.`]
      : ['two', `${two}, two customers`, `${Who(a)} and ${who(b)} each have their own chat history.`];
  }
  if (a.group !== b.group) return ['two', `One user, two groups, ${same ? 'one customer' : 'two customers'}`, 'Each group has an identity of its own.'];
  if (same) return ['same', 'Same customer on both devices', `${who(a)} is one customer, with one chat history.`];
  return ['wrong', `Two different customers for ${who(a)}`,
    `The chat history is split. ${mood ? 'If the sandbox was told to forget, press getToken on both again; if not, this' : 'This'} is a fault.`];
}

// ---- the log

function log(device, done) {
  const { caller, group, operation, method, url, status, problem } = done;
  const row = element('tr', {},
    element('td', {}, logTime.format()),
    element('td', {}, device, element('small', {}, element('bdi', {}, caller.name || 'no user'), group && `, group ${group}`)),
    element('td', {}, operation, element('code', { title: url }, `${method} ${url}`)),
    element('td', {}, element('span', { className: problem ? 'problem' : '' }, String(status)), element('small', {}, `${done.ms} ms`)),
    element('td', {}, ...answer(done)));
  row.dataset.source = done.source;
  $('#log tbody').prepend(row);
  if ($('#log tbody').rows.length > LOG_ROWS) $('#log tbody').deleteRow(-1);
  showLog();
}

function answer({ source, reason, value, problem }) {
  if (problem) {
    return [
      element('strong', { className: 'problem' }, problem.code),
      element('small', { className: 'problem' }, problem.detail),
      problem.requestId ? element('small', {}, `requestId ${problem.requestId}`) : '',
    ];
  }
  if (!isToken(value)) return [`answered ${value}`];
  if (source === 'none') return ['not said'];
  return [element('span', { className: 'chip' }, SOURCES[source]), reason ? element('small', {}, reason) : ''];
}

function showLog() {
  const empty = $('#log tbody').rows.length === 0;
  $('#log .scroll').hidden = empty;
  $('#log .empty').hidden = !empty;
  $('#clear-log').disabled = empty;
}

// ---- the sandbox

class Mood {
  constructor(url) {
    this.url = url;
    $('#mood').hidden = false;
    $('#fault select').append(...Object.entries(FAULTS).map(([label, names]) => element('optgroup', { label },
      ...names.map((value) => element('option', { value }, value.replaceAll('_', ' '))))));
    $('#latency').addEventListener('input', () => this.showLatency());
    $('#latency').addEventListener('change', () => this.act('PATCH', '/sandbox/settings', { latencyMs: $('#latency').valueAsNumber }));
    $('#fault').addEventListener('submit', (event) => {
      event.preventDefault();
      const { fault, times } = event.target.elements;
      this.act('POST', '/sandbox/faults', { fault: fault.value, times: times.valueAsNumber });
    });
    $('#reset').addEventListener('click', () => this.act('POST', '/sandbox/reset'));
    addEventListener('focus', () => this.refreshSoon());
    this.act();
  }

  /** Sends one admin call, if any, then shows the sandbox's state and returns it; undefined if it cannot be had. */
  async act(...change) {
    try {
      if (change.length) await this.ask(...change);
      const state = await this.ask('GET', '/sandbox');
      $('[data-counter=customers]').textContent = state.customers;
      $('[data-counter=token]').textContent = state.calls.token;
      // Not under the hand that drags it.
      if (!$('#latency').matches(':active')) $('#latency').value = state.settings.latencyMs;
      this.showLatency();
      $('#faults').textContent = state.faults.length
        ? `Still to come: ${state.faults.map(({ fault, times }) => `${fault} × ${times}`).join(', ')}`
        : 'No fault is set: every call succeeds.';
      $('#mood-error').hidden = true;
      return state;
    } catch (error) {
      $('#mood-error').textContent = `The sandbox at ${this.url} did not do it: ${error.message}`;
      $('#mood-error').hidden = false;
      return undefined;
    }
  }

  /** Ten calls at once ask for the counters once. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act(), 100);
  }

  async ask(method, path, body) {
    const sent = body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(this.url + path, { method, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS), ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${excerpt(text)}`);
    return parseJson(text);
  }

  showLatency() { $('#latency-shown').textContent = `${$('#latency').value} ms`; }
}

// ---- the story: one new user, both devices, ten calls

async function tryIt() {
  $('#try').disabled = true;
  $('#try-result').textContent = 'Ten calls are under way…';
  const user = `visitor-${Date.now().toString(36)}`;
  for (const device of devices) {
    device.fields.group.value = '';
    // Nor has anybody been here before whose customer the new user could take over.
    device.session?.end();
    if (await device.become(user)) continue;
    $('#try-result').textContent = 'The new user could not be logged in; the device says why.';
    $('#try').disabled = false;
    return;
  }
  const before = await mood?.act();
  const start = performance.now();
  const calls = await Promise.all(devices.flatMap((device) => Array.from({ length: 5 }, () => device.run('getToken'))));
  const ms = Math.round(performance.now() - start);
  const after = await mood?.act();

  const answered = calls.filter(({ problem }) => !problem);
  const failed = calls.length - answered.length;
  const entities = new Set(answered.map(({ value }) => value.entityId)).size;
  const made = before && after ? after.customers - before.customers : undefined;
  const result = element('dl', { className: 'result' }, ...terms([
    [`answers in ${ms} ms`, answered.length],
    failed && ['failed, see the log', failed],
    [entities === 1 ? 'entityId' : 'entityIds', entities],
    made !== undefined && [made === 1 ? 'customer made' : 'customers made', made],
  ].filter(Boolean)));
  result.dataset.ok = failed === 0 && entities === 1 && (made ?? 1) === 1;
  $('#try-result').replaceChildren(result);
  $('#try').disabled = false;
}

// ---- the page

async function configure() {
  let config;
  try {
    const response = await fetch('/config.json', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await response.text();
    config = parseJson(text);
    if (!config?.livechat) throw new Error(`it answered ${response.status}: ${excerpt(text)}`);
  } catch (error) {
    $('#badge').textContent = 'Not connected';
    $('#badge').dataset.livechat = 'none';
    $('#config-error').textContent = `The page cannot read /config.json: ${error.message}. Start cargo local, then reload.`;
    $('#config-error').hidden = false;
    return;
  }
  const sandbox = config.livechat === 'sandbox';
  $('#badge').textContent = sandbox ? 'Sandbox, not LiveChat' : 'Real LiveChat';
  $('#badge').dataset.livechat = config.livechat;
  $(sandbox ? '#sandbox-note' : '#real-note').hidden = false;
  if (config.auth !== 'none' || config.guests) explainCallers(config);
  if (config.sandboxUrl) mood = new Mood(config.sandboxUrl);
  const parts = [
    [sandbox ? 'Sandbox' : 'LiveChat', config.accountsUrl],
    ['Client id', config.clientId],
    ['Licence', config.licenseId],
    ['Organization', config.organizationId],
    [`DynamoDB, table ${config.table}`, config.dynamodbUrl],
  ];
  $('#parts').replaceChildren(...terms(parts.filter(([, value]) => value).map(([term, value]) => [term, element('code', {}, value)])));
}

const CALLERS = {
  none: 'A call counts for the user whom its path names, and nobody verifies that.',
  jwt: 'A call counts for the user whom its token names.',
  authorizer: 'The gateway verifies a call’s token, and tells the functions which user it names.',
  hmac: 'A call counts for the user whom its path names, if their hash comes along.',
};

/** There is more to a call than its path: the page gets a login, and says what counts. */
function explainCallers(config) {
  const { auth, guests } = config;
  for (const device of devices) device.open(new Session(device.name, config));
  $('#callers').textContent = `AUTH=${auth}${guests ? ', guests' : ''}`;
  $('#callers').hidden = false;
  $('#callers-note').textContent = [
    CALLERS[auth],
    guests && 'Whoever is not logged in is a guest, with a customer of their own. When they log in, it becomes the user’s, unless the user has one.',
    !canLogIn(config) && 'This page cannot log anybody in, as the key or secret is yours: call the routes with curl.',
  ].filter(Boolean).join(' ');
  $('#callers-note').hidden = false;
  $('#try').disabled = !canLogIn(config);
  $('#path-note').textContent = {
    none: 'The name in the path is the identity, unverified; without one, a guest calls.',
    hmac: 'The name in the path is the identity, and must come with its hash.',
  }[auth] ?? 'The token says who calls: /{user} may be left out, or must be the same user.';
  if (auth !== 'none') showCurl(config);
}

async function showCurl(config) {
  const placeholder = config.auth === 'hmac' ? { 'X-User-Hash': '…' } : { Authorization: 'Bearer …' };
  const unknown = { headers: placeholder, userInPath: config.auth === 'hmac' };
  const { headers, userInPath } = canLogIn(config) ? await credentialsOf('alice', config).catch(() => unknown) : unknown;
  const carried = Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}' `).join('');
  $('#curl').textContent = `curl -i ${carried}${location.origin}/getToken${userInPath ? '/alice' : ''}`;
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText($('#curl').textContent);
    $('#copy').textContent = 'Copied';
  } catch {
    // No permission: the text is selected, and the person's own copy key works.
    getSelection().selectAllChildren($('#curl'));
    $('#copy').textContent = 'Selected';
  }
  setTimeout(() => { $('#copy').textContent = 'Copy'; }, 2000);
}

/** Stays undefined with a real licence. */
let mood;
const devices = [new Device('Laptop', $('#device-a')), new Device('Phone', $('#device-b'))];
showVerdict();
showLog();
for (const code of document.querySelectorAll('[data-route]')) {
  code.append(location.origin, element('em', {}, `/${code.dataset.route}/{user}`));
}
$('#curl').textContent = `curl -i ${location.origin}/getToken/alice`;
$('#copy').addEventListener('click', copyCurl);
$('#clear-log').addEventListener('click', () => { $('#log tbody').replaceChildren(); showLog(); });
$('#try').addEventListener('click', tryIt);
setInterval(() => devices.forEach((device) => device.tick()), 1000);
configure();
