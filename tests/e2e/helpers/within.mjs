import assert from 'node:assert/strict';

/** Waits until `holds`, which may be asynchronous, for at most 30 s. `what` is a text for the error, or a function that returns it. */
export async function eventually(holds, what) {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > end) assert.fail(`not within 30 s: ${typeof what === 'function' ? what() : what}`);
    await new Promise((next) => {
      setTimeout(next, 20);
    });
  }
}

/** Settles like `promise`, or rejects after `ms` with the text that `describe` then returns. */
export async function within(ms, promise, describe) {
  let timer;
  const late = new Promise((_, reject) => {
    const fail = (what) => reject(new Error(`not within ${ms} ms: ${what}`));
    timer = setTimeout(() => Promise.resolve().then(describe).then(fail, fail), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
