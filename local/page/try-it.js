// "Try it": a new user opens five tabs on each of the two devices at the same moment.

import { $, element, terms } from '/dom.js';

const TABS = 5;

/** `begin` is called after the logins, before the ten calls. */
export async function tryIt(frames, faults, begin) {
  const unknown = ['responses', 'entityIds', faults && 'customers created'].filter(Boolean);
  show(
    'Ten calls are under way…',
    unknown.map((term) => [term, '–']),
  );
  const user = `visitor-${Date.now().toString(36)}`;
  for (const frame of frames) {
    if (await frame.send('become', { user })) continue;
    $('#try-result').textContent = 'The new user could not be logged in. The device shows why.';
    return;
  }
  const before = await faults?.act();
  begin();
  const start = performance.now();
  const calls = (await Promise.all(frames.map((frame) => frame.send('rush', { tabs: TABS })))).flat();
  const ms = Math.round(performance.now() - start);
  const after = await faults?.act();

  const succeeded = calls.filter((entityId) => entityId !== null);
  const failed = calls.length - succeeded.length;
  const entities = new Set(succeeded).size;
  const created = before && after ? after.customers - before.customers : undefined;
  const result = show(
    'Ten simultaneous calls',
    [
      [`responses in ${ms} ms`, succeeded.length],
      failed && ['failed, see Calls', failed],
      [entities === 1 ? 'entityId' : 'entityIds', entities],
      created !== undefined && [created === 1 ? 'customer created' : 'customers created', created],
    ].filter(Boolean),
  );
  const isGood = failed === 0 && entities === 1 && (created ?? 1) === 1;
  result.dataset.ok = isGood;
  // There is one customer, so a message that is written on one device shows on the other.
  if (isGood && faults) await frames[0].send('write', { text: `Hello, this is ${user}.` });
}

function show(title, rows) {
  const list = element('dl', {}, ...terms(rows));
  $('#try-result').replaceChildren(element('p', {}, title), list);
  return list;
}
