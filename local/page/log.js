// The log: a table of all calls.

import { $, element } from '/dom.js';
import { isToken } from '/observe.js';
import { SOURCES } from '/sources.js';

const MOST_ROWS = 200;
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });

/** Adds a row. The returned function adds the faults to it that occurred during the call. */
export function log(device, call) {
  const { caller, group, isLogout, method, operation, problem, status, url } = call;
  const row = element(
    'tr',
    {},
    element('td', {}, time.format()),
    element('td', {}, device, element('small', {}, element('bdi', {}, caller.name), group && `, group ${group}`)),
    element('td', {}, isLogout ? `${operation}, logout` : operation, element('code', { title: url }, `${method} ${url}`)),
    element('td', {}, element('span', { className: problem ? 'problem' : '' }, String(status)), element('small', {}, `${call.ms} ms`)),
    element('td', {}, ...result(call)),
  );
  row.dataset.source = call.source;
  $('#log tbody').prepend(row);
  if ($('#log tbody').rows.length > MOST_ROWS) $('#log tbody').deleteRow(-1);
  show();
  return (faults) => faults && row.lastChild.append(element('small', {}, `Fault during this call: ${faults}`));
}

function result({ source, reason, value, problem }) {
  if (problem) {
    return [
      element('strong', { className: 'problem' }, problem.code),
      element('small', { className: 'problem' }, problem.detail),
      problem.requestId ? element('small', {}, `requestId ${problem.requestId}`) : '',
    ];
  }
  if (!isToken(value)) return [`returned ${value}`];
  if (source === 'none') return ['unknown'];
  return [element('span', { className: 'chip' }, SOURCES[source]), reason ? element('small', {}, reason) : ''];
}

function show() {
  const isEmpty = $('#log tbody').rows.length === 0;
  $('#log .scroll').hidden = isEmpty;
  $('#log .empty').hidden = !isEmpty;
  $('#clear-log').disabled = isEmpty;
}

$('#clear-log').addEventListener('click', () => {
  $('#log tbody').replaceChildren();
  show();
  // The button is disabled now, and loses the focus.
  $('#log .empty').focus();
});
show();
