// What the marks mean. Only those that occur are explained.

import { element } from '/dom.js';
import { block, branch, line, mark, svg } from '/timeline/shapes.js';

const [MIDDLE, Y] = [14, 10];

const ENTRIES = {
  call: ['a call, from request to response', () => [line('call', 1, 27, Y), mark('response', 27, Y)]],
  read: ['reads the table', () => [line('busy', 1, 20, Y), mark('read', 20, Y)]],
  poll: ['reads again, the lease is still held', () => [mark('poll', MIDDLE, Y)]],
  write: ['writes to the table', () => [line('busy', 1, 20, Y), mark('write', 20, Y)]],
  refused: ['the table refuses the write', () => [line('busy', 1, 20, Y), mark('refused', 20, Y)]],
  failed: ['the table does not respond', () => [mark('failed', MIDDLE, Y)]],
  lease: ['has the lease: only this call may request a token for the user', () => [block('held', 1, 27, Y, 16)]],
  livechat: ['calls LiveChat', () => [block('livechat', 1, 27, Y, 12)]],
  'livechat-failed': ['LiveChat fails', () => [block('livechat-failed', 1, 27, Y, 12)]],
  waiting: ['waits for the holder of the lease', () => [line('waiting', 3, 26, Y)]],
  'branch-good': ['gets the holder’s result', () => [branch('good', { x: 6, y: 1 }, { x: 30, y: Y })]],
  'branch-bad': ['sees that the holder has no result', () => [branch('bad', { x: 6, y: 1 }, { x: 30, y: Y })]],
  other: ['another step', () => [mark('other', MIDDLE, Y)]],
};

export const legend = (kinds) => [
  ...Object.entries(ENTRIES)
    .filter(([kind]) => kinds.has(kind))
    .map(([, [text, shapes]]) =>
      element('li', {}, svg('svg', { width: 28, height: 20, viewBox: '0 0 28 20', 'aria-hidden': 'true' }, ...shapes()), text),
    ),
  element('li', {}, 'Time is stretched where marks would overlap.'),
];
