// Fault injection: how the sandbox behaves, and what it counts.

import { $, element, excerpt, parseJson } from '/dom.js';

const PATIENCE_MS = 5_000;
const FAULTS = {
  'LiveChat is down': ['http_503', 'http_500', 'http_429', 'hang', 'hang_after', 'slow_body', 'reset_before', 'reset_after'],
  'LiveChat refuses': ['oauth_server_error', 'oauth_invalid_request', 'oauth_in_200', 'identity_exception'],
  'LiveChat answers nonsense': [
    'html',
    'empty',
    'truncated',
    'huge',
    'missing_fields',
    'no_cookies',
    'one_cookie',
    'expires_zero',
    'expires_negative',
    'expires_absurd',
  ],
  'LiveChat is odd, which does no harm': ['extra_cookies', 'expires_only'],
  'LiveChat forgets': ['other_entity'],
};

export class Mood {
  constructor(url) {
    this.url = url;
    $('#mood').hidden = false;
    $('#fault select').append(
      ...Object.entries(FAULTS).map(([label, names]) =>
        element('optgroup', { label }, ...names.map((value) => element('option', { value }, value.replaceAll('_', ' ')))),
      ),
    );
    $('#latency').addEventListener('input', () => this.showLatency());
    $('#latency').addEventListener('change', () => this.act('PATCH', '/sandbox/settings', { latencyMs: $('#latency').valueAsNumber }));
    $('#fault').addEventListener('submit', (event) => {
      event.preventDefault();
      const { fault, times } = event.target.elements;
      this.act('POST', '/sandbox/faults', { fault: fault.value, times: times.valueAsNumber });
    });
    $('#reset').addEventListener('click', () => this.act('POST', '/sandbox/reset'));
    addEventListener('focus', () => this.refreshSoon());
    this.act();
  }

  /** Sends one admin call, if any, then shows the sandbox's state and returns it; undefined if it cannot be had. */
  async act(...change) {
    try {
      if (change.length) await this.ask(...change);
      const state = await this.ask('GET', '/sandbox');
      $('[data-counter=customers]').textContent = state.customers;
      $('[data-counter=token]').textContent = state.calls.token;
      // Not under the hand that drags it.
      if (!$('#latency').matches(':active')) $('#latency').value = state.settings.latencyMs;
      this.showLatency();
      $('#faults').textContent = state.faults.length
        ? `Still to come: ${state.faults.map(({ fault, times }) => `${fault} × ${times}`).join(', ')}`
        : 'No fault is set: every call succeeds.';
      $('#mood-error').hidden = true;
      return state;
    } catch (error) {
      $('#mood-error').textContent = `The sandbox at ${this.url} did not do it: ${error.message}`;
      $('#mood-error').hidden = false;
      return undefined;
    }
  }

  /** Ten calls at once ask for the counters once. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act(), 100);
  }

  async ask(method, path, body) {
    const sent = body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(this.url + path, { method, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS), ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${excerpt(text)}`);
    return parseJson(text);
  }

  showLatency() {
    $('#latency-shown').textContent = `${$('#latency').value} ms`;
  }
}
