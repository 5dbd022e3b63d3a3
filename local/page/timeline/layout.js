// Where everything of the drawing is.

import { isDrawn, isOpen, kindOf } from '/timeline/model.js';
import { scale } from '/timeline/scale.js';
import { HALF } from '/timeline/shapes.js';

/** The height of the axis. */
export const TOP = 26;
/** A drawing that is narrower than this has short labels. */
const NARROW = 600;

/**
 * The columns, the rows and the places. Places are in two maps: `begins` has the requests of calls and the begins of blocks, `ends` the
 * responses of calls and the ends of steps.
 */
export function layOut(calls, width, nowMs) {
  const isNarrow = width < NARROW;
  const isMixed = ['operation', 'user'].some((name) => new Set(calls.map((call) => call[name])).size > 1);
  const left = isNarrow ? 98 : isMixed ? 168 : 136;
  const right = isNarrow ? 36 : 196;
  const rowHeight = isMixed ? 42 : 32;
  const rows = calls.map((call, row) => pointsOf(call, row, nowMs, isNarrow ? 0.85 : 1));
  const points = rows.flat();
  const [startMs, endMs] = [Math.min(...points.map(({ ms }) => ms)), Math.max(...points.map(({ ms }) => ms))];
  const place = scale(points, Math.max(60, width - left - right - 12));
  const placesOf = (some) => new Map(some.map(({ of, x }) => [of, left + x]));
  return {
    calls,
    nowMs,
    startMs,
    endMs,
    width,
    left,
    right,
    rowHeight,
    height: TOP + calls.length * rowHeight + 4,
    isNarrow,
    isMixed,
    x: (ms) => left + place(ms),
    begins: placesOf(points.filter(({ isBegin }) => isBegin)),
    ends: placesOf(points.filter(({ isBegin }) => !isBegin)),
    textSize: isNarrow ? 0.85 : 1,
    /** The room that each step has for text behind its mark. */
    room: new Map(rows.flatMap((row) => row.slice(1).map(({ x }, i) => [row[i].of, x - row[i].x]))),
  };
}

export const yOf = (row, { rowHeight }) => TOP + (row + 0.5) * rowHeight;

/** Whether the step is a block from its begin to its end. Other steps are a mark at their end. */
export const isBlock = (step) => kindOf(step).startsWith('livechat');

export const endOf = ({ endMs }, nowMs) => endMs ?? nowMs;

/** The text in a block. */
export function textOf(step) {
  if (kindOf(step) === 'livechat-failed') return step.result;
  return step.step === 'token' ? 'LiveChat' : `LiveChat, ${step.step}`;
}

export const leaseText = (lease) => `lease ${lease}`;

/** About the width of text, in pixels. */
export const widthOf = (text, size) => (text.length * 6.4 + 9) * size;

/** The points of time that need room in the row. `of` is the call or the step that is drawn there. */
function pointsOf(call, row, nowMs, textSize) {
  const points = [{ ms: call.beginMs, row, gap: 0, text: 0, of: call, isBegin: true }];
  let [before, text] = [4, 0];
  const add = (ms, half, of, isBegin = false) => {
    points.push({ ms, row, gap: before + half, text, of, isBegin });
    [before, text] = [half, 0];
  };
  for (const step of call.steps) {
    const kind = kindOf(step);
    if (isBlock(step)) {
      add(step.beginMs, 3, step, true);
      text = widthOf(textOf(step), textSize);
      add(endOf(step, nowMs), 0, step);
    } else if (isDrawn(step) && !isOpen(step)) {
      add(step.endMs, HALF[kind], step);
      if (step.result === 'acquired') text = widthOf(leaseText(step.lease), textSize);
    }
  }
  add(endOf(call, nowMs), HALF.response, call);
  return points;
}
