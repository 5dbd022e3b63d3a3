// The panel for fault injection: the sandbox's faults, latency and counters.

import { $, element, excerpt, parseJson } from '/dom.js';

const TIMEOUT_MS = 5_000;
const FAULTS = {
  'LiveChat is down': ['http_503', 'http_500', 'http_429', 'hang', 'hang_after', 'slow_body', 'reset_before', 'reset_after'],
  'LiveChat refuses': ['oauth_server_error', 'oauth_invalid_request', 'oauth_in_200', 'identity_exception'],
  'LiveChat’s response is malformed': [
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
  'LiveChat’s response is unusual but valid': ['extra_cookies', 'expires_only'],
  'LiveChat forgets the customer': ['other_entity'],
};

export class Faults {
  constructor(url) {
    this.url = url;
    $('#faults').hidden = false;
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

  /** Sends one request of the admin API, if one is given. Then shows the sandbox's state and returns it; undefined after an error. */
  async act(...change) {
    try {
      if (change.length) await this.send(...change);
      const state = await this.send('GET', '/sandbox');
      $('[data-counter=customers]').textContent = state.customers;
      $('[data-counter=token]').textContent = state.calls.token;
      // The slider is not moved while somebody drags it.
      if (!$('#latency').matches(':active')) $('#latency').value = state.settings.latencyMs;
      this.showLatency();
      $('#pending-faults').textContent = state.faults.length
        ? `Pending: ${state.faults.map(({ fault, times }) => `${fault} × ${times}`).join(', ')}`
        : 'No faults are pending: every call succeeds.';
      $('#faults-error').hidden = true;
      return state;
    } catch (error) {
      $('#faults-error').textContent = `The request to the sandbox at ${this.url} failed: ${error.message}`;
      $('#faults-error').hidden = false;
      return undefined;
    }
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
