// The page of `cargo local`: two devices side by side, what they do, and what it shows.

import { $, element, readConfig, terms } from '/dom.js';
import { Frame, listen } from '/frames.js';
import { log } from '/log.js';
import { canLogIn, credentialsOf } from '/login.js';
import { Mood } from '/mood.js';
import { tryIt } from '/story.js';
import { showVerdict } from '/verdict.js';

const CALLERS = {
  none: 'A call counts for the user whom its path names, and nobody verifies that.',
  jwt: 'A call counts for the user whom its token names.',
  authorizer: 'The gateway verifies a call’s token, and tells the functions which user it names.',
  hmac: 'A call counts for the user whom its path names, if their hash comes along.',
};

const frames = [new Frame('Laptop', $('#device-a')), new Frame('Phone', $('#device-b'))];
/** Stays undefined with a real licence. */
let mood;
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
  $(isSandbox ? '#sandbox-note' : '#real-note').hidden = false;
  for (const step of document.querySelectorAll('[data-if]')) step.hidden = (step.dataset.if === 'guests') !== config.guests;
  if (config.auth !== 'none' || config.guests) explainCallers(config);
  if (config.sandboxUrl) mood = new Mood(config.sandboxUrl);
  mayTry = canLogIn(config);
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

/** There is more to a call than its path: the page says what counts. */
function explainCallers(config) {
  const { auth, guests } = config;
  $('#callers').textContent = `AUTH=${auth}${guests ? ', guests' : ''}`;
  $('#callers').hidden = false;
  $('#callers-note').textContent = [
    CALLERS[auth],
    guests &&
      'Whoever is not logged in is a guest, with a customer of their own. When they log in, it becomes the user’s, unless the user has one.',
    !canLogIn(config) && 'This page cannot log anybody in, as the key or secret is yours: call the routes with curl.',
  ]
    .filter(Boolean)
    .join(' ');
  $('#path-note').textContent =
    {
      none: 'The name in the path is the identity, unverified; without one, a guest calls.',
      hmac: 'The name in the path is the identity, and must come with its hash.',
    }[auth] ?? 'The token says who calls: /{user} may be left out, or must be the same user.';
  if (auth !== 'none') showCurl(config);
}

async function showCurl(config) {
  const placeholder = config.auth === 'hmac' ? { 'X-User-Hash': '…' } : { Authorization: 'Bearer …' };
  const unknown = { headers: placeholder, userInPath: config.auth === 'hmac' };
  const { headers, userInPath } = canLogIn(config) ? await credentialsOf('alice', config).catch(() => unknown) : unknown;
  const carried = Object.entries(headers)
    .map(([name, value]) => `-H '${name}: ${value}' `)
    .join('');
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
  setTimeout(() => {
    $('#copy').textContent = 'Copy';
  }, 2_000);
}

function update() {
  $('#try').disabled = !mayTry || !frames.every(({ isReady }) => isReady);
  showVerdict(frames, Boolean(mood));
}

listen(frames, {
  onState: update,
  onCall(frame, call) {
    log(frame.name, call);
    mood?.refreshSoon();
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
  await tryIt(frames, mood);
  mayTry = true;
  update();
});
update();
configure();
