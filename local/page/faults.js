// The panel for fault injection: the sandbox's faults, latency and counters.

import { $, element, excerpt, parseJson } from '/dom.js';

const TIMEOUT_MS = 5_000;
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export class Faults {
  /** The calls that have ended since the sandbox's state was read. */
  #ended = [];

  /** `prepareReset` is called before a reset of the sandbox. It returns a function for when the reset has succeeded. */
  constructor(url, prepareReset) {
    this.url = url;
    $('#faults').hidden = false;
    this.list();
    $('#latency').addEventListener('input', () => this.showLatency());
    $('#latency').addEventListener('change', () => this.act('PATCH', '/sandbox/settings', { latencyMs: $('#latency').valueAsNumber }));
    $('#fault').addEventListener('submit', (event) => {
      event.preventDefault();
      const { fault, times } = event.target.elements;
      this.act('POST', '/sandbox/faults', { fault: fault.value, times: times.valueAsNumber });
    });
    $('#clear-faults').addEventListener('click', () => this.act('DELETE', '/sandbox/faults'));
    $('#reset').addEventListener('click', async () => {
      const succeeded = prepareReset();
      if (await this.act('POST', '/sandbox/reset')) succeeded();
    });
    addEventListener('focus', () => this.refreshSoon());
    this.act();
  }

  /** Lists the sandbox's faults, and explains the selected one. */
  async list() {
    const all = await this.tryTo(() => this.send('GET', '/sandbox/faults'));
    if (!all) return;
    const select = $('#fault select');
    const group = (label) =>
      element('optgroup', { label }, ...all.filter(({ kind }) => kind === label).map(({ fault }) => element('option', {}, fault)));
    select.append(...[...new Set(all.map(({ kind }) => kind))].map(group));
    const explain = () => {
      $('#fault-explained').textContent = all.find(({ fault }) => fault === select.value).explanation;
    };
    select.addEventListener('change', explain);
    explain();
  }

  /** Sends one request of the admin API, if one is given. Then shows the sandbox's state and returns it; undefined after an error. */
  async act(...change) {
    return this.tryTo(async () => {
      if (change.length) await this.send(...change);
      const ended = this.#ended.splice(0);
      const state = await this.send('GET', '/sandbox');
      const hits = state.latestFaults.map(({ fault, ageMs }) => ({ fault, at: Date.now() - ageMs }));
      for (const { call, note } of ended) note(during(call, hits));
      $('[data-counter=customers]').textContent = state.customers;
      $('[data-counter=token]').textContent = state.calls.token;
      // The slider is not moved while somebody drags it.
      if (!$('#latency').matches(':active')) $('#latency').value = state.settings.latencyMs;
      this.showLatency();
      $('#pending-faults').textContent = state.faults.length
        ? `Pending: ${state.faults.map(({ fault, times }) => `${fault} × ${times}`).join(', ')}`
        : 'No faults are pending.';
      $('#clear-faults').hidden = state.faults.length === 0;
      const last = hits.at(-1);
      $('#last-fault').textContent = last ? `Last: ${last.fault}, at ${clock.format(last.at)}` : '';
      return state;
    });
  }

  /** Resolves with the result, or with undefined after an error, which is shown. */
  async tryTo(request) {
    try {
      const result = await request();
      $('#faults-error').hidden = true;
      return result;
    } catch (error) {
      $('#faults-error').textContent = `The request to the sandbox at ${this.url} failed: ${error.message}`;
      $('#faults-error').hidden = false;
      return undefined;
    }
  }

  /** Calls `note` with the faults that the sandbox simulated during this call, as soon as they are known. */
  follow(call, note) {
    this.#ended.push({ call, note });
    this.refreshSoon();
  }

  /** Updates the counters, once for several calls at the same time. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act(), 100);
  }

  async send(method, path, body) {
    const sent = body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(this.url + path, { method, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS), ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} returned ${response.status}: ${excerpt(text)}`);
    return parseJson(text);
  }

  showLatency() {
    $('#latency-shown').textContent = `${$('#latency').value} ms`;
  }
}

/**
 * The faults that occurred while the call ran, such as `http_503 × 2`. The backend's calls of LiveChat have no mark that says for
 * whom they are, so calls that ran at the same moment get the same faults. A call that did not need LiveChat gets none.
 */
function during({ endedAt, ms, operation, problem, source }, hits) {
  if (!['getToken', 'getFreshToken'].includes(operation) || (source === 'store' && !problem)) return '';
  // The age of a fault is as old as the sandbox's response.
  const SLACK_MS = 20;
  const counts = new Map();
  for (const { fault, at } of hits) {
    if (at < endedAt - ms - SLACK_MS || at > endedAt + SLACK_MS) continue;
    counts.set(fault, (counts.get(fault) ?? 0) + 1);
  }
  return [...counts].map(([fault, times]) => `${fault} × ${times}`).join(', ');
}
