// What a device shows: the caller, their customer and token, and the outcome of the latest call.

import { $, element, picture, terms } from '/dom.js';
import { canLogIn } from '/login.js';
import { SOURCES } from '/sources.js';

const localTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** Shows a line about the latest event. */
export function say(text, isTrouble = false) {
  const state = $('#state');
  state.textContent = text;
  state.dataset.failed = isTrouble;
  state.dataset.past = false;
}

/** Hides the line until the next one. Its room stays. */
export function markResultAsPast() {
  $('#state').dataset.past = true;
}

/** Says at the login why it failed. */
export function refuse(why) {
  $('#refused').textContent = why;
}

/** Shows a sentence until another user logs in or this one logs out. */
export function notify(text) {
  $('#notice').textContent = text;
}

/** `user` is undefined while nobody is logged in. */
export function showCaller(config, user) {
  const isUser = user !== undefined;
  const who = isUser ? `Logged in as “${user}”` : config.guests ? 'You are a guest' : 'Not logged in';
  Object.assign($('#who'), { textContent: who, title: who });
  $('#login .name').hidden = $('#login button').hidden = isUser || !canLogIn(config);
  $('[data-action=logout]').hidden = !isUser;
  $('[data-action=stranger]').hidden = config.auth === 'none';
}

/** The token that is shown. */
let shown;

/** Shows the token of the device, or that it has none. `isDropped` if it was invalidated since. */
export function showToken(token, isDropped) {
  shown = token;
  const id = token?.entityId ?? '';
  $('#customer').dataset.known = Boolean(token);
  $('#customer .mark').replaceChildren(...(token ? [picture(id)] : []));
  $('#customer .short').replaceChildren(...(token ? ['Customer ', element('code', {}, id.slice(0, 8))] : ['No customer yet']));
  const entity = $('[data-entity-id]');
  entity.textContent = entity.dataset.entityId = id;
  $('#details').hidden = !token;
  if (!token) return;
  const accessToken = element('span', { className: 'token' }, shorten(token.accessToken));
  $('#details dl').replaceChildren(
    ...terms([
      ['accessToken', isDropped ? element('span', {}, element('s', {}, accessToken), ' dropped') : accessToken],
      ['expires', element('time', { dateTime: new Date(endOf(token)).toISOString() }, localTime.format(endOf(token)))],
      ['time left', element('span', { className: 'left' })],
    ]),
  );
  showTimeLeft();
}

function showTimeLeft() {
  if (shown) $('#details .left').textContent = timeLeft(endOf(shown) - Date.now());
}
setInterval(showTimeLeft, 1_000);

/** The outcome of a call, in a line. */
export function outcome({ operation, problem, isLogout, value, source, ms }) {
  if (problem) return `${operation}: ${problem.code}. ${problem.detail}`;
  if (isLogout) return `Logged out: the token is dropped, ${ms} ms`;
  const result = { hasToken: `: ${value}`, invalidate: ': the token is dropped, the customer stays' }[operation] ?? '';
  return `${operation}${result}${SOURCES[source] ? `: ${source === 'waited' ? '' : 'from '}${SOURCES[source]}` : ''}, ${ms} ms`;
}

const endOf = ({ creationDate, expiresIn }) => creationDate + expiresIn;

const shorten = (secret) => (secret.length > 20 ? `${secret.slice(0, 10)}…${secret.slice(-4)}` : `${secret.slice(0, 4)}…`);

function timeLeft(ms) {
  const s = Math.floor(ms / 1000);
  const two = (n) => String(n % 60).padStart(2, '0');
  return s < 0 ? 'expired' : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60))}:${two(s)}`;
}
