// The verdict: whether the customers on the two devices are right.

import { $, element, picture } from '/dom.js';

export function showVerdict(frames, isSandbox) {
  const [kind, headline, detail] = verdict(...frames, isSandbox);
  const line = $('#verdict');
  // Screen readers would read an unchanged verdict again after each call.
  if ($('p', line)?.textContent === headline + detail) return;
  line.dataset.verdict = kind;
  line.role = kind === 'wrong' ? 'alert' : 'status';
  const ids = new Set(frames.map(({ state }) => state?.entityId).filter(Boolean));
  line.replaceChildren(...[...ids].map(picture), element('p', {}, element('strong', {}, headline), detail));
}

function verdict(a, b, isSandbox) {
  const person = ({ isUser, name }) => (isUser ? `“${name}”` : name);
  const who = ({ state: { caller, group } }) => (group === '' ? person(caller) : `${person(caller)} in group ${group}`);
  const Who = (device) => who(device).replace(/^a /, 'A ');
  const [here, there] = a.state?.entityId ? [a, b] : [b, a];
  if (!here.state?.entityId) return ['none', 'Nobody has a chat yet', 'Log in as the same person on both devices, or press Try it.'];
  if (!there.state?.entityId) {
    return [
      'none',
      `${Who(here)} has a customer on the ${here.name.toLowerCase()}`,
      `Now the ${there.name.toLowerCase()}: log in as the same person.`,
    ];
  }
  const isSame = a.state.entityId === b.state.entityId;
  if (a.state.caller.key !== b.state.caller.key) {
    const two = a.state.caller.isUser && b.state.caller.isUser ? 'Two users' : 'Two visitors';
    return isSame
      ? ['wrong', `${two} share one customer`, `${Who(a)} and ${who(b)} would see each other’s chats. This is a bug.`]
      : ['two', `${two}, two customers`, `${Who(a)} and ${who(b)} each have their own chat history.`];
  }
  if (a.state.group !== b.state.group) {
    return ['two', `One user, two groups, ${isSame ? 'one customer' : 'two customers'}`, 'Each group has an identity of its own.'];
  }
  if (isSame) return ['same', 'Same customer on both devices', `${who(a)} is one customer, with one chat.`];
  return [
    'wrong',
    `Two different customers for ${who(a)}`,
    `The chat history is split. ${isSandbox ? 'If the sandbox has forgotten the customer or was reset, press getFreshToken on both devices. If not, this' : 'This'} is a bug.`,
  ];
}
