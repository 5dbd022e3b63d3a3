// "Try it": a new user opens five tabs on each of the two devices at the same moment.

import { $, element, terms } from '/dom.js';

const TABS = 5;

export async function tryIt(frames, mood) {
  $('#try-result').textContent = 'Ten calls are under way…';
  const user = `visitor-${Date.now().toString(36)}`;
  for (const frame of frames) {
    if (await frame.ask('become', { user })) continue;
    $('#try-result').textContent = 'The new user could not be logged in; the device says why.';
    return;
  }
  const before = await mood?.act();
  const start = performance.now();
  const calls = (await Promise.all(frames.map((frame) => frame.ask('rush', { tabs: TABS })))).flat();
  const ms = Math.round(performance.now() - start);
  const after = await mood?.act();

  const answered = calls.filter((entityId) => entityId !== null);
  const failed = calls.length - answered.length;
  const entities = new Set(answered).size;
  const made = before && after ? after.customers - before.customers : undefined;
  const result = element(
    'dl',
    { className: 'result' },
    ...terms(
      [
        [`answers in ${ms} ms`, answered.length],
        failed && ['failed, see the log', failed],
        [entities === 1 ? 'entityId' : 'entityIds', entities],
        made !== undefined && [made === 1 ? 'customer made' : 'customers made', made],
      ].filter(Boolean),
    ),
  );
  const isGood = failed === 0 && entities === 1 && (made ?? 1) === 1;
  result.dataset.ok = isGood;
  $('#try-result').replaceChildren(result);
  // One customer: what they write on one device shows on the other.
  if (isGood && mood) await frames[0].ask('write', { text: `Hello, this is ${user}.` });
}
