// Draws calls: one row for each, from left to right.

import { holderOf, isFailure, isOpen, kindOf, leasesOf, waitsOf } from '/timeline/model.js';
import { scale, ticks } from '/timeline/scale.js';
import { HALF, block, branch, line, mark, svg } from '/timeline/shapes.js';
import { callerOf, resultOf, stepInWords } from '/timeline/words.js';

const MOST_ROWS = 24;
const TOP = 26;
/** A drawing that is narrower than this has short labels. */
const NARROW = 600;
const ICONS = { laptop: 'M3 2.5h10v7H3zM1 12h14', phone: 'M5 1.5h6v13H5zM7.3 12.5h1.4' };

/** Draws into `root`. Returns the marks that occur, and the number of calls for which there is no row. */
export function draw(root, { list, more }, { width, nowMs, label }) {
  const calls = list.slice(0, MOST_ROWS);
  const isNarrow = width < NARROW;
  const isMixed = new Set(calls.map(({ operation }) => operation)).size > 1 || new Set(calls.map(({ user }) => user)).size > 1;
  const view = {
    calls,
    nowMs,
    kinds: new Set(['call']),
    left: isNarrow ? 98 : isMixed ? 168 : 136,
    right: isNarrow ? 36 : 196,
    height: isMixed ? 42 : 32,
    isNarrow,
    isMixed,
    width,
  };
  const points = calls.flatMap((call, row) => pointsOf(call, row, view));
  const [startMs, endMs] = [Math.min(...points.map(({ ms }) => ms)), Math.max(...points.map(({ ms }) => ms))];
  const place = scale(points, Math.max(60, width - view.left - view.right - 12));
  view.x = (ms) => view.left + place(ms);
  view.places = new Map(points.map(({ of, x }) => [of, view.left + x]));
  const height = TOP + calls.length * view.height + 4;
  root.classList.toggle('narrow', isNarrow);
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, 'aria-label': label }))
    root.setAttribute(name, value);
  root.replaceChildren(
    ...axis(startMs, endMs, height, view),
    ...calls.flatMap((call, row) => leaseBands(call, row, view)),
    ...calls.map((call, row) => rowOf(call, row, view)),
    ...calls.flatMap((call, row) => branches(call, row, view)),
    ...calls.map((call, row) => marks(call, row, view)),
  );
  return { kinds: view.kinds, hidden: list.length - calls.length + more };
}

const yOf = (row, { height }) => TOP + (row + 0.5) * height;

/** A step that has its own mark, or a block from its begin to its end. */
const isBlock = (step) => kindOf(step).startsWith('livechat');
const textOf = (step) => (kindOf(step) === 'livechat-failed' ? step.result : step.step === 'token' ? 'LiveChat' : `LiveChat, ${step.step}`);
const endOf = ({ endMs }, nowMs) => endMs ?? nowMs;
/** Keys of places that no object stands for. */
const beginOf = (step) => `begin ${step.beginMs}`;
const responseOf = (call) => `response ${call.id}`;

/** The points of time that need room in the row. `of` is what is drawn there. */
function pointsOf(call, row, { nowMs, isNarrow }) {
  const textSize = isNarrow ? 0.85 : 1;
  const points = [{ ms: call.beginMs, row, gap: 0, text: 0, of: call }];
  let [before, text] = [4, 0];
  const add = (ms, half, of) => {
    points.push({ ms, row, gap: before + half, text, of });
    [before, text] = [half, 0];
  };
  for (const step of call.steps) {
    const kind = kindOf(step);
    if (isBlock(step)) {
      add(step.beginMs, 3, beginOf(step));
      text = (textOf(step).length * 6.6 + 8) * textSize;
      add(endOf(step, nowMs), 0, step);
    } else if (kind !== 'pause' && !isOpen(step)) {
      add(step.endMs, HALF[kind], step);
      if (step.result === 'acquired') text = (`lease ${step.lease}`.length * 6.4 + 10) * textSize;
    }
  }
  add(endOf(call, nowMs), HALF.response, responseOf(call));
  return points;
}

function axis(startMs, endMs, height, view) {
  const text = (ms) => (ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`);
  return ticks(startMs, endMs, view.x, 64).map(({ ms, x }) =>
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
    const [x1, x2] = [view.places.get(acquired), view.places.get(ended) ?? view.x(endOf(call, view.nowMs))];
    view.kinds.add('lease');
    return view.calls.flatMap((other, row) => {
      if (other.user !== call.user && !isOpen(other) && !isOpen(call)) return [];
      const band = svg('rect', { class: 'band', x: x1, y: TOP + row * view.height, width: Math.max(2, x2 - x1), height: view.height });
      return row === holderRow ? [band, block('held', x1 - 9, x2 + 9, yOf(row, view), 24)] : [band];
    });
  });
}

/** The label of the call, its line, and what came of it. */
function rowOf(call, row, view) {
  const y = yOf(row, view);
  const who = callerOf(call);
  const most = view.isNarrow ? 7 : 12;
  const [x1, x2] = [view.places.get(call), view.places.get(responseOf(call))];
  const group = svg('g', { class: isFailure(call) ? 'row failure' : 'row' });
  const top = view.isMixed ? y - 7 : y;
  group.append(
    svg('path', { class: 'rule', d: `M0 ${y + view.height / 2}H${view.width}` }),
    svg('text', { class: 'number', x: 22, y: top + 4, 'text-anchor': 'end' }, String(call.number)),
    svg('path', { class: 'icon', d: ICONS[call.from] ?? 'M8 2.5a5.5 5.5 0 1 0 .01 0', transform: `translate(28 ${top - 8})` }),
    svg('text', { class: 'who', x: 49, y: top + 4 }, who.length > most ? `${who.slice(0, most - 1)}…` : who),
    line('call', x1, x2, y),
    svg(
      'text',
      { class: 'result', x: view.width - view.right + 6, y: y + 4 },
      view.isNarrow ? String(call.status ?? '') : shorten(resultOf(call), 27),
    ),
  );
  if (view.isMixed) {
    const user = isOpen(call) ? '' : (call.user ?? 'guest');
    const what = view.isNarrow ? call.operation : `${call.operation} ${user}`;
    group.append(svg('text', { class: 'what', x: 10, y: y + 13 }, shorten(what, view.isNarrow ? 13 : 20)));
  }
  for (const wait of waitsOf(call)) {
    view.kinds.add('waiting');
    const until = resultFor(wait, call, view) ?? wait.read;
    const begin = view.places.get(wait.after) ?? view.x(wait.pause.beginMs);
    group.append(line('waiting', begin + HALF.refused + 3, view.places.get(until) ?? view.x(endOf(call, view.nowMs)), y));
  }
  return group;
}

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** The step with which the holder ended the lease, if the call has waited for it and seen it. */
function resultFor({ lease, read }, call, view) {
  const end = holderOf(view.calls, call, lease)?.ended;
  return read && !isOpen(read) && end && !isOpen(end) && end.endMs <= read.endMs ? end : undefined;
}

/** From the end of a lease to each call that waited for it. */
function branches(call, row, view) {
  return waitsOf(call).flatMap((wait) => {
    const end = resultFor(wait, call, view);
    if (!end) return [];
    const kind = end.step === 'commit' && end.result !== 'lease lost' ? 'good' : 'bad';
    view.kinds.add(`branch-${kind}`);
    const holderRow = view.calls.findIndex(({ steps }) => steps.includes(end));
    const from = { x: view.places.get(end), y: yOf(holderRow, view) };
    return [branch(kind, from, { x: view.places.get(wait.read), y: yOf(row, view) })];
  });
}

function marks(call, row, view) {
  const y = yOf(row, view);
  const group = svg('g');
  for (const step of call.steps) {
    const kind = kindOf(step);
    if (kind === 'pause') continue;
    const title = svg('title', {}, `+${(endOf(step, view.nowMs) - call.beginMs).toFixed(1)} ms ${stepInWords(step, call, view.calls)}`);
    if (isBlock(step)) {
      const [x1, x2] = [view.places.get(beginOf(step)), view.places.get(step)];
      const text = svg('text', { class: `on ${kind}`, x: (x1 + x2) / 2, y: y + 4, 'text-anchor': 'middle' }, textOf(step));
      group.append(svg('g', {}, block(kind, x1, x2, y, 18), text, title));
    } else if (isOpen(step)) {
      group.append(line('busy', view.x(step.beginMs), view.x(view.nowMs), y));
      continue;
    } else {
      const x = view.places.get(step);
      group.append(line('busy', Math.min(x, view.x(step.beginMs)), x, y), mark(kind, x, y, title));
    }
    view.kinds.add(kind);
  }
  for (const { acquired, lease } of leasesOf(call)) {
    group.append(svg('text', { class: 'lease', x: view.places.get(acquired) + 9, y: y + 4 }, `lease ${lease}`));
  }
  if (!isOpen(call)) group.append(mark('response', view.places.get(responseOf(call)), y));
  return group;
}
