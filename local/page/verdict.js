// The verdict: whether the customers on the two devices are right.

import { $, brief, element, picture } from '/dom.js';

/** `settings` says whether LiveChat is the sandbox, and whether different spellings of a name can be one user. */
export function showVerdict(frames, customers, settings) {
  const [kind, headline, detail] = verdict(...frames, customers, settings);
  const line = $('#verdict');
  // Screen readers would read an unchanged verdict again after each call.
  if ($('p', line)?.textContent === headline + detail) return;
  line.dataset.verdict = kind;
  line.role = kind === 'wrong' ? 'alert' : 'status';
  const ids = new Set(frames.map(({ state }) => state?.entityId).filter(Boolean));
  line.replaceChildren(...[...ids].map(picture), element('p', {}, element('strong', {}, headline), detail));
}

const person = ({ isUser, name }) => (isUser ? `“${brief(name)}”` : name);
const who = ({ state: { caller, group } }) => (group === '' ? person(caller) : `${person(caller)} in group ${group}`);
const Who = (device) => who(device).replace(/^a /, 'A ');
const nameOf = (device) => device.name.toLowerCase();

function verdict(a, b, customers, { isSandbox, normalizesIds }) {
  const [here, there] = a.state?.entityId ? [a, b] : [b, a];
  if (!here.state?.entityId) return ['none', 'Nobody has a chat yet', 'Log in as the same person on both devices, or press Try it.'];
  const outdated = [a, b].filter(({ state }) => customers.isForgotten(state?.entityId));
  if (outdated.length > 0) {
    const show =
      outdated.length === 2 ? 'Both devices show tokens of the former ones' : `The ${nameOf(outdated[0])} shows the token of a former one`;
    return ['changed', 'The sandbox has forgotten all customers', `${show} until the next renewal (getFreshToken).`];
  }
  if (!there.state?.entityId) {
    const next = `Now the ${nameOf(there)}: log in as ${here.state.caller.isUser ? 'the same person' : 'a user'}.`;
    return customers.formerOf(here).length > 0
      ? replaced(here, customers, next)
      : ['none', `${Who(here)} has a customer on the ${nameOf(here)}`, next];
  }
  const isSame = a.state.entityId === b.state.entityId;
  const areUsers = a.state.caller.isUser && b.state.caller.isUser;
  if (isSame && areUsers && normalizesIds && a.state.caller.key !== b.state.caller.key) {
    return ['same', 'Same customer on both devices', `By USER_ID_NORMALIZATION, ${who(a)} and ${who(b)} are one user.`];
  }
  if (a.state.caller.key !== b.state.caller.key) {
    const two = areUsers ? 'Two users' : 'Two visitors';
    return isSame
      ? ['wrong', `${two} share one customer`, `${Who(a)} and ${who(b)} would see each other’s chats. This is a bug.`]
      : ['two', `${two}, two customers`, `${Who(a)} and ${who(b)} each have their own chat history.`];
  }
  if (a.state.group !== b.state.group) {
    return ['two', `One user, two groups, ${isSame ? 'one customer' : 'two customers'}`, 'Each group has an identity of its own.'];
  }
  const former = customers.formerOf(a);
  if (isSame && former.length > 0) return replaced(a, customers, 'Both devices have the new one.');
  if (isSame) return ['same', 'Same customer on both devices', `${who(a)} is one customer, with one chat.`];
  const late = [a, b].find(({ state }) => former.includes(state.entityId));
  if (late) return replaced(a, customers, `The ${nameOf(late)} shows a former one until the next renewal (getFreshToken).`);
  return [
    'wrong',
    `Two different customers for ${who(a)}`,
    `The chat history is split. ${isSandbox ? 'If the sandbox has forgotten the customer or was reset, press getFreshToken on both devices. If not, this' : 'This'} is a bug.`,
  ];
}

/** The verdict if the caller on this device had another customer before. */
function replaced(device, customers, andNow) {
  const former = customers.formerOf(device);
  const times = { 1: 'once', 2: 'twice' }[former.length] ?? `${former.length} times`;
  // The page knows the reason only if it was its own reset. The table may have been emptied too.
  return former.every((entityId) => customers.isForgotten(entityId))
    ? [
        'changed',
        'The sandbox forgot a customer',
        `The customer of ${who(device)} was replaced ${times}, and the former one is on record. ${andNow}`,
      ]
    : [
        'changed',
        'Another customer than before',
        `${Who(device)} got it because LiveChat did not know the former one any more, or the table was emptied. ${andNow}`,
      ];
}
