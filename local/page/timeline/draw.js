// Draws calls: one row for each, from left to right.

import { holderOf, isDrawn, isFailure, isOpen, isSameSubject, kindOf, leasesOf, waitsOf } from '/timeline/model.js';
import { TOP, endOf, isBlock, layOut, leaseText, textOf, widthOf, yOf } from '/timeline/layout.js';
import { ticks } from '/timeline/scale.js';
import { HALF, block, branch, line, mark, svg } from '/timeline/shapes.js';
import { callerOf, resultOf, stepInWords } from '/timeline/words.js';

const MOST_ROWS = 24;
const ICONS = { laptop: 'M3 2.5h10v7H3zM1 12h14', phone: 'M5 1.5h6v13H5zM7.3 12.5h1.4' };

/** Draws into `root`. Returns the marks that occur, and the number of calls for which there is no row. */
export function draw(root, { list, more }, { width, nowMs, label }) {
  const calls = list.slice(0, MOST_ROWS);
  const view = { ...layOut(calls, width, nowMs), kinds: new Set(['call']) };
  const { height, isNarrow } = view;
  root.classList.toggle('narrow', isNarrow);
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, 'aria-label': label }))
    root.setAttribute(name, value);
  root.replaceChildren(
    ...axis(view),
    ...calls.flatMap((call, row) => leaseBands(call, row, view)),
    ...calls.map((call, row) => rowOf(call, row, view)),
    ...calls.flatMap((call, row) => branches(call, row, view)),
    ...calls.map((call, row) => marks(call, row, view)),
  );
  return { kinds: view.kinds, hidden: list.length - calls.length + more };
}

function axis({ startMs, endMs, height, x: at }) {
  const text = (ms) => (ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`);
  return ticks(startMs, endMs, at, 64).map(({ ms, x }) =>
    svg(
      'g',
      { class: 'tick' },
      svg('path', { d: `M${x} ${TOP - 6}V${height}` }),
      svg('text', { x, y: 13, 'text-anchor': 'middle' }, text(ms)),
    ),
  );
}

/** The time in which a call has the lease, across the rows of the calls of the same user. */
function leaseBands(call, holderRow, view) {
  return leasesOf(call).flatMap(({ acquired, ended }) => {
    const [x1, x2] = [view.ends.get(acquired), view.ends.get(ended) ?? view.x(endOf(call, view.nowMs))];
    view.kinds.add('lease');
    return view.calls.flatMap((other, row) => {
      if (!isSameSubject(other, call, view.calls)) return [];
      const band = svg('rect', {
        class: 'band',
        x: x1,
        y: TOP + row * view.rowHeight,
        width: Math.max(2, x2 - x1),
        height: view.rowHeight,
      });
      return row === holderRow ? [band, block('held', x1 - 9, x2 + 9, yOf(row, view), 24)] : [band];
    });
  });
}

/** The label of the call, its line, and what came of it. */
function rowOf(call, row, view) {
  const y = yOf(row, view);
  const who = callerOf(call);
  const [x1, x2] = [view.begins.get(call), view.ends.get(call)];
  const group = svg('g', { class: isFailure(call) ? 'row failure' : 'row' });
  const top = view.isMixed ? y - 7 : y;
  group.append(
    svg('path', { class: 'rule', d: `M0 ${y + view.rowHeight / 2}H${view.width}` }),
    svg('text', { class: 'number', x: 22, y: top + 4, 'text-anchor': 'end' }, String(call.number)),
    svg('path', { class: 'icon', d: ICONS[call.from] ?? 'M8 2.5a5.5 5.5 0 1 0 .01 0', transform: `translate(28 ${top - 8})` }),
    svg('text', { class: 'who', x: 49, y: top + 4 }, shorten(who, view.isNarrow ? 7 : 12)),
    line('call', x1, x2, y),
    svg(
      'text',
      { class: 'result', x: view.width - view.right + 6, y: y + 4 },
      view.isNarrow ? String(call.status ?? '') : shorten(resultOf(call), 27),
    ),
  );
  if (view.isMixed) {
    const user = call.user ?? '';
    const what = view.isNarrow ? call.operation : `${call.operation} ${user}`;
    group.append(svg('text', { class: 'what', x: 10, y: y + 13 }, shorten(what, view.isNarrow ? 13 : 20)));
  }
  for (const step of call.steps.filter((each) => !isBlock(each) && !['pause', 'poll'].includes(kindOf(each)))) {
    const x = view.ends.get(step) ?? view.x(view.nowMs);
    group.append(line('busy', Math.min(x, view.x(step.beginMs)), x, y));
  }
  for (const wait of waitsOf(call)) {
    view.kinds.add('waiting');
    const until = resultFor(wait, call, view) ?? (wait.isOver ? wait.read : undefined);
    const begin = view.ends.get(wait.after) ?? view.x(wait.pause.beginMs);
    group.append(line('waiting', begin + HALF.refused + 3, view.ends.get(until) ?? view.x(endOf(call, view.nowMs)), y));
  }
  return group;
}

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** The step with which the holder ended the lease, if the call has waited for it and seen its effect, which may be before its end. */
function resultFor({ lease, read, isOver }, call, view) {
  const end = holderOf(view.calls, call, lease)?.ended;
  return isOver && read && read.result !== 'held' && end && !isOpen(end) && end.beginMs <= read.endMs ? end : undefined;
}

/** From the end of a lease to each call that waited for it. */
function branches(call, row, view) {
  return waitsOf(call).flatMap((wait) => {
    const end = resultFor(wait, call, view);
    if (!end) return [];
    const kind = end.step === 'commit' && end.result !== 'lease lost' ? 'good' : 'bad';
    view.kinds.add(`branch-${kind}`);
    const holderRow = view.calls.findIndex(({ steps }) => steps.includes(end));
    const to = { x: view.ends.get(wait.read), y: yOf(row, view) };
    return [branch(kind, { x: Math.min(view.ends.get(end), to.x - 8), y: yOf(holderRow, view) }, to)];
  });
}

function marks(call, row, view) {
  const y = yOf(row, view);
  const group = svg('g');
  for (const step of call.steps) {
    const kind = kindOf(step);
    if (!isDrawn(step) || (isOpen(step) && !isBlock(step))) continue;
    view.kinds.add(kind);
    const title = svg('title', {}, `+${(endOf(step, view.nowMs) - call.beginMs).toFixed(1)} ms ${stepInWords(step, call, view.calls)}`);
    if (isBlock(step)) group.append(blockWithText(step, y, view, title));
    else group.append(mark(kind, view.ends.get(step), y, title));
  }
  for (const { acquired, lease } of leasesOf(call)) {
    if (hasRoom(acquired, leaseText(lease), view))
      group.append(svg('text', { class: 'lease', x: view.ends.get(acquired) + 9, y: y + 4 }, leaseText(lease)));
  }
  if (!isOpen(call)) group.append(mark('response', view.ends.get(call), y));
  return group;
}

const hasRoom = (of, text, { room, textSize }) => room.get(of) >= widthOf(text, textSize) - 4;

function blockWithText(step, y, view, title) {
  const kind = kindOf(step);
  const [x1, x2] = [view.begins.get(step), view.ends.get(step)];
  const group = svg('g', {}, block(kind, x1, x2, y, 18), title);
  if (x2 - x1 >= widthOf(textOf(step), view.textSize) - 4)
    group.append(svg('text', { class: `on ${kind}`, x: (x1 + x2) / 2, y: y + 4, 'text-anchor': 'middle' }, textOf(step)));
  return group;
}
