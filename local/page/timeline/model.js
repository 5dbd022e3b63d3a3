// The calls of the timeline, from the events of `/dev/calls`. It draws nothing.

/** A call that begins later than this after the others have ended starts a new drawing. */
const PAUSE_MS = 1_500;
/** Further calls are only counted. A load test must not slow down the page. */
const MOST_CALLS = 200;

const READS = new Set(['read', 'read groups', 'guest']);
const WRITES = new Set(['acquire', 'count', 'commit', 'release', 'drop', 'log out', 'record', 'adopt']);
const LIVECHAT = new Set(['token', 'revoke']);
/** The table did not carry out these writes. */
const REFUSED = new Set(['refused', 'lease lost', 'quota spent']);

/** The latest calls: those that overlap, or follow soon. */
export class Calls {
  list = [];
  /** The number of calls that are not in the list. */
  more = 0;

  get isRunning() {
    return this.list.some(isOpen);
  }

  add(event) {
    if (event.type === 'request') return this.#begin(event);
    const call = this.list.find(({ id }) => id === event.call);
    if (!call || !isOpen(call)) return;
    const { atMs, step, result, lease, type } = event;
    if (type === 'begin') call.steps.push({ step, beginMs: atMs });
    if (type === 'end') {
      const open = call.steps.findLast((each) => each.step === step && isOpen(each));
      if (open) Object.assign(open, { endMs: atMs, result, lease });
    }
    if (type === 'response') {
      const { status, subject, user, source, code } = event;
      Object.assign(call, { endMs: atMs, status, subject, user, source, code });
    }
  }

  /** The next call starts a new drawing. */
  startAnew() {
    if (!this.isRunning) Object.assign(this, { list: [], more: 0 });
  }

  /** The rest of the open calls will never be known. */
  abandon() {
    for (const call of this.list.filter(isOpen)) {
      call.steps = call.steps.filter((step) => !isOpen(step));
      call.endMs = Math.max(call.beginMs, ...call.steps.map(({ endMs }) => endMs));
    }
  }

  #begin({ call: id, atMs, operation, from }) {
    const lastMs = Math.max(...this.list.map(({ endMs }) => endMs));
    // A server that was started again counts from the beginning.
    const isFromAnotherServer = this.list.some((call) => call.id >= id || call.beginMs > atMs);
    if (!this.isRunning && (isFromAnotherServer || atMs - lastMs > PAUSE_MS)) Object.assign(this, { list: [], more: 0 });
    if (this.list.length === MOST_CALLS) this.more += 1;
    else this.list.push({ id, number: this.list.length + 1, operation, from, beginMs: atMs, steps: [] });
  }
}

export const isOpen = ({ endMs }) => endMs === undefined;

export const isFailure = ({ status }) => status >= 400;

/**
 * What a step is: `read`, `poll`, `write`, `refused`, `failed`, `pause`, `livechat`, `livechat-failed`, `other`, or `unseen` if it is not
 * worth a mark: the circuit breaker lets nearly every call pass.
 */
export function kindOf({ step, result }) {
  if (LIVECHAT.has(step)) return ['issued', 'revoked', undefined, null].includes(result) ? 'livechat' : 'livechat-failed';
  if (result === 'failed') return 'failed';
  if (step === 'pause') return 'pause';
  if (READS.has(step)) return result === 'held' ? 'poll' : 'read';
  if (WRITES.has(step)) return REFUSED.has(result) ? 'refused' : 'write';
  return result === 'has room' ? 'unseen' : 'other';
}

/** Whether the step has a place of its own in the drawing. */
export const isDrawn = (step) => !['pause', 'unseen'].includes(kindOf(step));

/** Whether two calls are of the same user or guest. While that is not known, it is assumed if all known calls are. */
export function isSameSubject(a, b, calls) {
  if (a.subject && b.subject) return a.subject === b.subject;
  return new Set(calls.map(({ subject }) => subject).filter(Boolean)).size < 2;
}

/** The leases that the call acquired: `{ lease, acquired, token, ended }`. The last two are steps, if there are any. */
export function leasesOf({ steps }) {
  return steps.flatMap((acquired, index) => {
    if (acquired.step !== 'acquire' || acquired.result !== 'acquired') return [];
    const next = steps.findIndex(({ step }, i) => i > index && step === 'acquire');
    const later = steps.slice(index + 1, next === -1 ? undefined : next);
    const ended = later.find(({ step }) => step === 'commit' || step === 'release');
    return [{ lease: acquired.lease, acquired, token: later.findLast(({ step }) => step === 'token'), ended }];
  });
}

/**
 * The times that the call waited for another one: `{ lease, after, pause, read, isOver }`. `pause` is the first pause, `after` the step before
 * it, and `read` the latest read, which ended the wait if it is over.
 */
export function waitsOf({ steps, endMs }) {
  const waits = [];
  let lease;
  for (const [index, step] of steps.entries()) {
    const current = waits.at(-1);
    if (step.step === 'acquire') lease = step.lease;
    else if (step.step === 'pause' && (!current || current.isOver)) waits.push({ lease, after: steps[index - 1], pause: step });
    else if (step.step === 'read' && current && !current.isOver) current.read = step;
    if (current && !['pause', 'read'].includes(step.step)) current.isOver = true;
  }
  if (endMs !== undefined && waits.length > 0) waits.at(-1).isOver = true;
  return waits;
}

/** The call that held this lease: `{ call, acquired, ended, … }`. Two users may have leases with the same number. */
export function holderOf(calls, waiter, lease) {
  return calls
    .filter((call) => call !== waiter && isSameSubject(call, waiter, calls))
    .flatMap((call) => leasesOf(call).map((held) => ({ call, ...held })))
    .find((held) => held.lease === lease);
}
