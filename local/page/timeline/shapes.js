// The marks of the timeline. The legend uses them too. Each differs from the others in its shape, not only in its colour.

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const SHAPES = {
  read: 'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0',
  poll: 'M-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0',
  write: 'M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0',
  refused: 'M-5-5L5 5M5-5L-5 5',
  failed: 'M0-7L7 6H-7ZM0-2.5V2M0 3.6V4',
  other: 'M-4-4H4V4H-4Z',
  response: 'M0-6V6',
};

/** Half the width of each mark. */
export const HALF = { read: 5, poll: 4, write: 6, refused: 7, failed: 8, other: 5, response: 2 };

export const mark = (kind, x, y, ...children) =>
  svg('path', { class: `mark ${kind}`, d: SHAPES[kind], transform: `translate(${x} ${y})` }, ...children);

export const line = (kind, x1, x2, y) => svg('path', { class: kind, d: `M${x1} ${y}H${x2}` });

export const block = (kind, x1, x2, y, height) =>
  svg('rect', { class: kind, x: x1, y: y - height / 2, width: Math.max(2, x2 - x1), height, rx: Math.min(6, height / 2) });

/** From the holder's mark to the row of a waiting call, and along it to the read that got the result. */
export function branch(kind, from, to) {
  const bend = Math.min(8, Math.abs(to.y - from.y), Math.max(0, to.x - from.x));
  const turn = to.y > from.y ? bend : -bend;
  const end = Math.max(from.x + bend, to.x - 6);
  return svg('path', {
    class: `branch ${kind}`,
    d: `M${from.x} ${from.y}V${to.y - turn}Q${from.x} ${to.y} ${from.x + bend} ${to.y}H${end}m-4-3.5l4 3.5l-4 3.5`,
  });
}
