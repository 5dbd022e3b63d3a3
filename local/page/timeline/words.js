// What the timeline says in words: a summary, and each step.

import { holderOf, isFailure, isOpen, isSameSubject, kindOf, leasesOf, waitsOf } from '/timeline/model.js';

/** Leases that are told one by one. */
const MOST_LEASES = 3;

const count = (n, thing) => (n === 1 ? `one ${thing}` : n === 0 ? `no ${thing}` : `${n} ${thing}s`);
const NAMES = {
  'look at circuit': 'circuit breaker, look',
  'wait for room': 'circuit breaker, wait',
  'enter circuit': 'circuit breaker, enter',
  guest: 'read of the guest',
  token: 'LiveChat, token',
  revoke: 'LiveChat, revoke',
};

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
const has = (call, name) => call.steps.some(({ step }) => step === name);

/** `laptop`, `phone`, the origin of another page, or `other`. */
export const callerOf = ({ from }) => from?.replace(/^https?:\/\//, '') ?? 'other';

/** What all these calls have in common, such as `getToken for alice`. */
export function subjectOf(calls) {
  const [operation, user] = ['operation', 'user'].map((name) => new Set(calls.map((call) => call[name])));
  const ended = calls.every((call) => !isOpen(call));
  const whose = ended && user.size === 1 && calls[0].user ? ` for ${calls[0].user}` : '';
  return operation.size === 1 ? `${[...operation][0]}${whose}` : whose.slice(5);
}

/** What came of the call. */
export function resultOf({ endMs, status, source, code }) {
  if (status === undefined) return endMs === undefined ? '' : 'unknown';
  if (code) return `${status} ${code}`;
  return `${status} ${sourceInWords(source)}`.trim();
}

/** Where the token came from. `source` has the parameters of `Cache-Status`. */
function sourceInWords(source) {
  const parts = source?.split('; ') ?? [];
  if (parts.includes('collapsed')) return 'waited for another call';
  if (parts[0] === 'hit') return parts.length > 1 ? 'from the table, not renewed' : 'from the table';
  return parts[0]?.startsWith('fwd=') ? 'from LiveChat' : '';
}

/** What happened in a step of the call, such as `acquire: refused, lease 7 is held by call 4`. */
export function stepInWords(step, call, calls) {
  const { lease } = step;
  const result = step.result === 'done' ? undefined : step.result;
  const name = NAMES[step.step] ?? step.step;
  if (isOpen(step)) return `${name} …`;
  if ((lease ?? undefined) === undefined) return result ? `${name}: ${result}` : name;
  const holder = ['refused', 'held'].includes(result) && holderOf(calls, call, lease);
  return `${name}: ${result}, lease ${lease}${holder ? ` is held by call ${holder.call.number}` : ''}`;
}

/** What happened, in a few sentences. The first counts the calls. */
export function summary({ list: calls, more }) {
  const requests = calls.flatMap(({ steps }) => steps.filter((step) => kindOf(step).startsWith('livechat'))).length;
  const leases = calls
    .flatMap((call) => leasesOf(call).map((held) => ({ call, ...held })))
    .sort((a, b) => a.acquired.endMs - b.acquired.endMs)
    .map(({ call, ...held }) => [leaseInWords(held, call, calls), refusals(held.lease, call, calls)]);
  return [
    `${count(calls.length + more, 'call')}, ${count(requests, 'LiveChat call')}`,
    ...leases.slice(0, MOST_LEASES).flat(),
    leases.length > MOST_LEASES && `${leases.length - MOST_LEASES} more leases were acquired`,
    ...logouts(calls),
    ...results(calls),
    conclusion(calls, requests),
  ]
    .filter(Boolean)
    .map(sentence);
}

const nameOf = (call, calls) => (calls.length === 1 ? 'it' : `call ${call.number}`);

function leaseInWords({ lease, acquired, token, ended }, call, calls) {
  const hasWaited = waitsOf(call).some(({ pause }) => pause.beginMs < acquired.beginMs);
  const begin = `${nameOf(call, calls)} ${hasWaited ? 'waited, then ' : ''}acquired lease ${lease}`;
  if (!token) return ended ? `${begin}, and released it without a call of LiveChat` : begin;
  if (isOpen(token)) return `${begin} and is calling LiveChat`;
  if (kindOf(token) === 'livechat-failed') return `${begin} and called LiveChat, which failed: ${token.result}`;
  const reason = hasWaited && call.operation === 'getFreshToken' ? ', because getFreshToken needs a token issued after its request' : '';
  return `${begin} and called LiveChat${reason}${ended?.result === 'lease lost' ? ', but lost the lease' : ''}`;
}

/** The calls that were refused this lease of `holder`, and what became of them. */
function refusals(lease, holder, calls) {
  const isOfLease = (step) => step.step === 'acquire' && step.result === 'refused' && (step.lease ?? lease) === lease;
  const refused = calls.filter((call) => call !== holder && isSameSubject(call, holder, calls) && call.steps.some(isOfLease));
  if (refused.length === 0) return undefined;
  const writes = refused.flatMap(({ steps }) => steps.filter(isOfLease)).length;
  const were = `${count(writes, 'write')} ${writes === 1 ? 'was' : 'were'} refused`;
  const waited = refused.filter((call) => waitsOf(call).length > 0 && leasesOf(call).length === 0);
  if (waited.length === 0) return were;
  if (waited.length < refused.length) return `${were}, and ${count(waited.length, 'call')} of those waited for the result`;
  const wait = waited.some(isOpen) ? 'wait' : 'waited';
  return refused.length === 1
    ? `${were}, and that call ${wait === 'wait' ? 'waits' : wait} for the result`
    : `${were}, and those calls ${wait} for the result`;
}

function logouts(calls) {
  return calls.flatMap((call) => {
    const revokes = call.steps.filter(({ step }) => step === 'revoke');
    if (has(call, 'log out')) {
      const then =
        revokes.length > 0 &&
        (revokes.every(({ result }) => result === 'revoked')
          ? ', and LiveChat revoked the tokens'
          : ', but LiveChat did not revoke all tokens');
      return [`${nameOf(call, calls)} logged the user out${(!isOpen(call) && then) || ''}`];
    }
    if (has(call, 'drop')) return [`${nameOf(call, calls)} dropped the stored token; the customer stays`];
    if (has(call, 'adopt')) return [`${nameOf(call, calls)} moved the guest’s customer to the user`];
    return [];
  });
}

function results(calls) {
  const failed = calls.filter(isFailure);
  const codes = [...new Set(failed.map(({ code, status }) => code ?? `status ${status}`))].join(', ');
  const open = calls.filter(isOpen).length;
  const stored = calls.filter(({ source }) => source === 'hit').length;
  const stale = calls.filter(({ source }) => source?.startsWith('hit; ')).length;
  const found = (n) => (calls.length === 1 ? 'it' : count(n, 'call'));
  return [
    stored > 0 && `${found(stored)} found a usable token in the table`,
    stale > 0 && `${found(stale)} got the stored token, which could not be renewed`,
    failed.length > 0 && `${found(failed.length)} failed: ${codes}`,
    calls.length > 1 && open > 0 && `${count(open, 'call')} ${open === 1 ? 'is' : 'are'} still running`,
  ];
}

function conclusion(calls, requests) {
  const isOneUser = new Set(calls.map(({ subject }) => subject)).size === 1 && calls[0].subject;
  const haveTokens = calls.every((call) => call.status === 200 && /^(hit|fwd=)/.test(call.source ?? ''));
  if (calls.length < 2 || requests !== 1 || !isOneUser || !haveTokens) return undefined;
  return `so ${count(calls.length, 'call')} got one customer`;
}
