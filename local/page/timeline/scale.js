// Where a time is on the drawing. A call of LiveChat may take a thousand times as long as a write, and both must be visible: time runs
// evenly where there is room, and slower where the marks of a row would overlap.

/** The part of the width that marks may take up before they overlap. */
const MOST_FOR_MARKS = 0.85;
/** With less than this part of their room, marks are hard to tell apart. Then text gets no room of its own. */
const LEAST_GAP = 0.4;

/**
 * Sets `x` of each point. A point is `{ ms, row, gap, text }`. In a row, a point is at least `gap + text` behind the one before it. `gap` is
 * for marks, `text` for text. If the width is not enough, marks overlap, and text has no room. Returns the function that gives the `x` of
 * any time.
 */
export function scale(points, width) {
  points.sort((a, b) => a.ms - b.ms);
  const squeezed = () => greatest(1, (value) => place(points, 0, value) <= width * MOST_FOR_MARKS);
  let squeeze = squeezed();
  if (squeeze < LEAST_GAP) {
    for (const point of points) point.text = 0;
    squeeze = squeezed();
  }
  const evenly = width / Math.max(1e-3, points.at(-1).ms - points[0].ms);
  place(
    points,
    greatest(evenly, (value) => place(points, value, squeeze) <= width),
    squeeze,
  );
  return (ms) => interpolate(points, ms);
}

/** About the greatest value from 0 to `most` that fits, if smaller ones fit too. */
function greatest(most, fits) {
  let [low, high] = [0, most];
  if (fits(most)) return most;
  for (let i = 0; i < 24; i += 1) {
    const middle = (low + high) / 2;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function place(points, pixelsPerMs, squeeze) {
  const rows = new Map();
  let [x, before] = [0, points[0].ms];
  for (const point of points) {
    const least = rows.has(point.row) ? rows.get(point.row) + point.gap * squeeze + point.text : 0;
    x = Math.max(x + (point.ms - before) * pixelsPerMs, least);
    before = point.ms;
    point.x = x;
    rows.set(point.row, x);
  }
  return x;
}

function interpolate(points, ms) {
  const next = points.findIndex((point) => point.ms >= ms);
  if (next === -1) return points.at(-1).x;
  if (next === 0) return points[0].x;
  const [a, b] = [points[next - 1], points[next]];
  return a.x + ((b.x - a.x) * (ms - a.ms)) / (b.ms - a.ms);
}

/** Round times with their `x`, at least `apart` from each other. The rounder ones come first. */
export function ticks(startMs, endMs, at, apart) {
  const placed = [];
  for (const step of [5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1]) {
    for (let ms = 0; ms <= endMs - startMs && (endMs - startMs) / step < 60; ms += step) {
      const x = at(startMs + ms);
      if (placed.every((tick) => Math.abs(tick.x - x) >= apart)) placed.push({ ms, x });
    }
  }
  return placed;
}
