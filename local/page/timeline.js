// The timeline: what each of the latest calls did, drawn while it runs.

import { $, element } from '/dom.js';
import { draw } from '/timeline/draw.js';
import { legend } from '/timeline/legend.js';
import { Calls } from '/timeline/model.js';
import { rows } from '/timeline/table.js';
import { subjectOf, summary } from '/timeline/words.js';

const root = $('#timeline');
const drawing = $('svg', root);
const steps = $('details', root);
const isStill = matchMedia('(prefers-reduced-motion: reduce)');

const calls = new Calls();
/** The server's time of the latest event, and the page's. */
let latest = { atMs: 0, here: 0 };
let isScheduled = false;
/** Whether the words have changed since they were shown. */
let isNew = false;

/** Calls `onEvent` with each event. `onConnection` is told whether there is a connection; if not, why. */
function subscribe(onEvent, onConnection) {
  let source;
  const connect = () => {
    source = new EventSource('/dev/calls');
    source.addEventListener('message', ({ data }) => onEvent(JSON.parse(data)));
    source.addEventListener('open', () => onConnection(true));
    // It connects again by itself, unless the server refused.
    source.addEventListener('error', () =>
      onConnection(
        false,
        source.readyState === EventSource.CLOSED
          ? 'The timeline works only on 127.0.0.1 and localhost.'
          : 'No connection to cargo local. The timeline continues when it is back.',
      ),
    );
  };
  // A browser has six connections to a server for all of its tabs.
  document.addEventListener('visibilitychange', () => {
    source.close();
    if (document.hidden) onConnection(true);
    else connect();
  });
  connect();
}

function show() {
  isScheduled = false;
  if (calls.list.length === 0) return;
  const sinceMs = calls.isRunning && !isStill.matches ? performance.now() - latest.here : 0;
  const sentences = summary(calls);
  $('.empty', root).hidden = true;
  $('.drawing', root).hidden = false;
  const { kinds, hidden } = draw(drawing, calls, {
    width: drawing.parentElement.clientWidth,
    nowMs: latest.atMs + sinceMs,
    label: sentences.join(' '),
  });
  if (isNew) showWords(sentences, kinds, hidden);
  isNew = false;
  if (calls.isRunning && !isStill.matches) schedule();
}

function showWords([first, ...others], kinds, hidden) {
  $('.summary', root).replaceChildren(element('strong', {}, first), ` ${others.join(' ')}`);
  $('.subject', root).textContent = subjectOf(calls.list);
  $('.legend', root).replaceChildren(...legend(kinds));
  $('.more', root).textContent = hidden > 0 ? `And ${hidden} more calls, which are not drawn.` : '';
  if (steps.open) $('tbody', steps).replaceChildren(...rows(calls.list));
}

function schedule() {
  if (!isScheduled) requestAnimationFrame(show);
  isScheduled = true;
}

/** The next call starts a new drawing, however soon it comes. */
export const startAnew = () => calls.startAnew();

subscribe(
  (event) => {
    calls.add(event);
    latest = { atMs: event.atMs, here: performance.now() };
    isNew = true;
    schedule();
  },
  (isConnected, trouble = '') => {
    $('.connection', root).textContent = trouble;
    $('.connection', root).hidden = isConnected;
    if (!isConnected || document.hidden) calls.abandon();
    isNew = true;
    schedule();
  },
);
new ResizeObserver(schedule).observe(drawing.parentElement);
steps.addEventListener('toggle', () => {
  isNew = true;
  schedule();
});
