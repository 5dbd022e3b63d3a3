// The page of `cargo local`: two devices side by side, a log of their calls, and whether the result is right.

import { Customers } from '/customers.js';
import { $, element, readConfig, terms } from '/dom.js';
import { Frame, listen } from '/frames.js';
import { log } from '/log.js';
import { Faults } from '/faults.js';
import { canLogIn, credentialsOf } from '/login.js';
import { Offer } from '/offer.js';
import { startAnew } from '/timeline.js';
import { tryIt } from '/try-it.js';
import { showVerdict } from '/verdict.js';
import '/timeline.js';

const CALLERS = {
  none: 'The caller is the user in the path. Nothing verifies that.',
  jwt: 'The caller is the user in the token.',
  authorizer: 'The gateway verifies the token, and passes its user to the functions. This user is the caller.',
  hmac: 'The caller is the user in the path, if the request has the hash of this user.',
};

const frames = [new Frame('Laptop', $('#device-a')), new Frame('Phone', $('#device-b'))];
const customers = new Customers();
/** Stays undefined with a real licence. */
let faults;
/** What the verdict needs to know of the settings. */
const settings = { isSandbox: false, normalizesIds: false };
/** Stays undefined if no guest becomes a user. */
let offer;
let mayTry = false;

async function configure() {
  let config;
  try {
    config = await readConfig();
  } catch (error) {
    $('#badge').textContent = 'Not connected';
    $('#badge').dataset.livechat = 'none';
    $('#config-error').textContent = `The page cannot read /config.json: ${error.message}. Start cargo local, then reload.`;
    $('#config-error').hidden = false;
    return;
  }
  const isSandbox = config.livechat === 'sandbox';
  $('#badge').textContent = isSandbox ? 'Sandbox, not LiveChat' : 'Real LiveChat';
  $('#badge').dataset.livechat = config.livechat;
  Object.assign(settings, { isSandbox, normalizesIds: Boolean(config.normalization) });
  $(isSandbox ? '#sandbox-note' : '#real-note').hidden = false;
  const { guests, adoptsGuests } = config;
  const holds = { sandbox: isSandbox, guests, adoption: adoptsGuests, 'no-adoption': !adoptsGuests };
  for (const part of document.querySelectorAll('[data-if]')) part.hidden = !holds[part.dataset.if];
  if (config.auth !== 'none' || config.guests) explainCallers(config);
  if (config.sandboxUrl) faults = new Faults(config.sandboxUrl, prepareReset);
  if (config.adoptsGuests) offer = new Offer(frames);
  mayTry = canLogIn(config);
  $('#no-login').hidden = mayTry;
  $('.steps').hidden = !mayTry;
  update();
  const parts = [
    [isSandbox ? 'Sandbox' : 'LiveChat', config.accountsUrl],
    ['Client id', config.clientId],
    ['Licence', config.licenseId],
    ['Organization', config.organizationId],
    [`DynamoDB, table ${config.table}`, config.dynamodbUrl],
  ];
  $('#parts').replaceChildren(...terms(parts.filter(([, value]) => value).map(([term, value]) => [term, element('code', {}, value)])));
}

/** Explains how callers are identified, if it is not by the path alone. */
function explainCallers(config) {
  const { auth, guests, adoptsGuests } = config;
  $('#callers').textContent = `AUTH=${auth}${guests ? ', guests' : ''}`;
  $('#callers').hidden = false;
  $('#callers-note').textContent = [
    CALLERS[auth],
    guests && 'A visitor who is not logged in is a guest with their own customer.',
    adoptsGuests && 'When they log in, the user gets this customer, unless the user already has one.',
    guests && !adoptsGuests && 'When they log in, the user does not get this customer, because ADOPT_GUESTS is false.',
    !canLogIn(config) && 'This page cannot log users in, because only you have the key or secret: call the routes with curl.',
  ]
    .filter(Boolean)
    .join(' ');
  $('#path-note').textContent =
    {
      none: 'The name in the path is the identity, unverified. Without a name, the caller is a guest.',
      hmac: 'The name in the path is the identity. The request must have its hash.',
    }[auth] ?? 'The token identifies the caller: leave out /{user}, or give the same user.';
  if (auth !== 'none') showCurl(config);
}

async function showCurl(config) {
  const placeholder = config.auth === 'hmac' ? { 'X-User-Hash': '…' } : { Authorization: 'Bearer …' };
  const unknown = { headers: placeholder, userInPath: config.auth === 'hmac' };
  const { headers, userInPath } = canLogIn(config) ? await credentialsOf('alice', config).catch(() => unknown) : unknown;
  const options = Object.entries(headers)
    .map(([name, value]) => `-H '${name}: ${value}' `)
    .join('');
  $('#curl').textContent = `curl -i ${options}${location.origin}/getToken${userInPath ? '/alice' : ''}`;
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText($('#curl').textContent);
    $('#copy').textContent = 'Copied';
  } catch {
    // Without permission, the text is selected, so that the user can copy it with the keyboard.
    getSelection().selectAllChildren($('#curl'));
    $('#copy').textContent = 'Selected';
  }
  setTimeout(() => {
    $('#copy').textContent = 'Copy';
  }, 2_000);
}

function prepareReset() {
  const succeeded = customers.prepareReset();
  return () => {
    succeeded();
    update();
  };
}

function update() {
  $('#try').disabled = !mayTry || !frames.every(({ isReady }) => isReady);
  offer?.update();
  customers.observe(frames);
  showVerdict(frames, customers, settings);
}

listen(frames, {
  onState: update,
  onCall(frame, call) {
    const note = log(frame.name, call);
    faults?.follow(call, note);
  },
});
for (const code of document.querySelectorAll('[data-route]')) {
  code.append(location.origin, element('em', {}, `/${code.dataset.route}/{user}`));
}
$('#curl').textContent = `curl -i ${location.origin}/getToken/alice`;
$('#copy').addEventListener('click', copyCurl);
$('#try').addEventListener('click', async () => {
  mayTry = false;
  update();
  await tryIt(frames, faults, startAnew);
  mayTry = true;
  update();
  // The button has lost the focus, because it was disabled.
  if (document.activeElement === document.body) $('#try').focus({ preventScroll: true });
});
update();
configure();
