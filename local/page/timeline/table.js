// The timeline as text.

import { element } from '/dom.js';
import { isOpen } from '/timeline/model.js';
import { callerOf, resultOf, stepInWords } from '/timeline/words.js';

export const rows = (calls) =>
  calls.map((call) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, `Call ${call.number}`, element('small', {}, `${callerOf(call)}, ${call.operation}`)),
      element('td', {}, element('ol', {}, ...steps(call, calls))),
      element(
        'td',
        {},
        resultOf(call),
        element('small', {}, isOpen(call) ? 'running' : `after ${(call.endMs - call.beginMs).toFixed(1)} ms`),
      ),
    ),
  );

const steps = (call, calls) =>
  call.steps.map((step) =>
    element(
      'li',
      {},
      element('span', {}, `+${((step.endMs ?? step.beginMs) - call.beginMs).toFixed(1)} ms`),
      ` ${stepInWords(step, call, calls)}`,
    ),
  );
