/** Settles like `promise`, or rejects after `ms` with what `describe` says at that moment. */
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
