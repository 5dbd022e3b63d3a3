// Helpers that several files of the page use.

export const $ = (selector, root = document) => root.querySelector(selector);

export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** The rows of a `dl`. */
export const terms = (pairs) => pairs.map(([term, value]) => element('div', {}, element('dt', {}, term), element('dd', {}, value)));

export const excerpt = (text) => (text.length > 160 ? `${text.slice(0, 160)}…` : text || 'an empty body');

/** A user name, shortened so that it fits into a sentence. */
export const brief = (name) => (name.length > 32 ? `${name.slice(0, 31)}…` : name);

export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The configuration of `cargo local`. */
export async function readConfig() {
  const response = await fetch('/config.json', { cache: 'no-store', signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  const config = parseJson(text);
  if (!config?.livechat) throw new Error(`it returned ${response.status}: ${excerpt(text)}`);
  return config;
}

/** A picture of the entity id, so that nobody has to compare 36 characters. */
export function picture(id) {
  // FNV-1a: ids that differ in one character look different.
  const hash = [...id].reduce((sum, char) => Math.imul(sum ^ char.codePointAt(0), 0x01000193) >>> 0, 0x811c9dc5);
  const cells = Array.from({ length: 15 }, (_, i) => [i % 3, Math.floor(i / 3)]).filter((_, i) => (hash >>> i) & 1);
  const draw = (tag, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const svg = draw('svg', { class: 'picture', viewBox: '0 0 5 5', 'aria-hidden': 'true' });
  svg.append(
    draw('path', {
      d: cells.map(([x, y]) => `M${x} ${y}h1v1h-1zM${4 - x} ${y}h1v1h-1z`).join(''),
      fill: `hsl(${hash % 360} 55% 50%)`,
    }),
  );
  return svg;
}
