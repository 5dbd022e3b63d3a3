// Observes the device's calls of the four routes and their responses. It changes neither.

import { excerpt, parseJson } from '/dom.js';

const ROUTE = /^\/(getToken|getFreshToken|hasToken|invalidate)(\/|$)/;
// The values of `fwd` (RFC 9211, section 2.2): why a cache forwarded the request.
const REASONS = { miss: 'no token stored', stale: 'stored token too old', request: 'a fresh token was requested' };

export const isToken = (value) =>
  typeof value?.entityId === 'string' &&
  typeof value.accessToken === 'string' &&
  typeof value.creationDate === 'number' &&
  !Number.isNaN(new Date(value.creationDate + value.expiresIn).getTime());

const ACCEPTS = {
  getToken: isToken,
  getFreshToken: isToken,
  hasToken: (value) => typeof value === 'boolean',
  invalidate: (value) => value === null,
};

/**
 * `callerOf(headers, url)` returns the caller. `begin` gets the description of the call when the call begins, and returns the function
 * to call when it has ended. By then the description has the result.
 */
export function observe(callerOf, begin) {
  const fetch = window.fetch.bind(window);
  window.fetch = async (resource, init = {}) => {
    const url = new URL(resource.url ?? resource, location.href);
    const operation = url.origin === location.origin ? ROUTE.exec(url.pathname)?.[1] : undefined;
    if (!operation) return fetch(resource, init);

    const { method = 'GET', body } = init;
    const call = {
      ...callerOf(new Headers(init.headers), url),
      operation,
      method,
      url: url.pathname + url.search,
      isLogout: Boolean(body),
      status: '–',
      source: 'none',
    };
    const start = performance.now();
    const end = begin(call);
    try {
      const response = await fetch(resource, init);
      read(call, response, await response.clone().text());
      return response;
    } catch (error) {
      call.problem = {
        code: 'no response',
        detail:
          error.name === 'AbortError' ? 'It took too long.' : `The connection failed (${error.message}). Is cargo local still running?`,
        isTemporary: true,
      };
      throw error;
    } finally {
      call.ms = Math.round(performance.now() - start);
      call.endedAt = Date.now();
      end();
    }
  };
}

function read(call, response, text) {
  call.status = response.status;
  [call.source, call.reason] = sourceOf(response.headers);
  call.value = parseJson(text);
  if (!response.ok) {
    const { code = `status ${response.status}`, detail = `The response: ${excerpt(text)}`, requestId } = call.value ?? {};
    call.problem = { code, detail, requestId, isTemporary: isTemporary(response.status, code) };
  } else if (!ACCEPTS[call.operation](call.value)) {
    call.problem = { code: call.value === undefined ? 'not JSON' : 'unexpected response', detail: `The response: ${excerpt(text)}` };
  }
}

/** Whether the identity provider retries after this response. */
const isTemporary = (status, code) => status === 429 || (status >= 500 && code !== 'livechat_rejected');

/** The source of the response, and the reason. */
function sourceOf(headers) {
  const status = parseList(headers.get('Cache-Status') ?? '').find(({ name }) => name === 'livechat-cip');
  if (status?.hit && status.detail === 'livechat-unavailable') return ['store-livechat-down'];
  if (status?.collapsed) return ['waited'];
  if (status?.hit) return ['store'];
  if (status?.fwd) return ['livechat', REASONS[status.fwd]];
  return ['none'];
}

/** A Structured Fields list (RFC 9651): each member's name and parameters. A malformed list is ignored as a whole, as the RFC demands. */
function parseList(header) {
  const item = String.raw`"(?:\\["\\]|[^"\\])*"|[^\s;,="]+`;
  const part = new RegExp(String.raw`(^|[,;])\s*(${item})(?:=(${item}))?\s*`, 'gy');
  const bare = (text) => (text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text);
  const members = [];
  let end = 0;
  for (const [text, separator, key, value = '?1'] of header.matchAll(part)) {
    end += text.length;
    if (separator !== ';') members.push({ name: bare(key) });
    else members.at(-1)[key] = value.startsWith('?') ? value === '?1' : bare(value);
  }
  return end === header.length ? members : [];
}
