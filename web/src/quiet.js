// Promises whose rejections never count as unhandled.

/**
 * LiveChat's widget ignores rejections, and its SDK ignores the results of some calls. Both would cause unhandled rejections on the site's
 * page, although each failure has already been written to the console. So neither this promise nor one that a client derives from it with
 * `then` ever counts as an unhandled rejection. Handlers of rejections are called as usual.
 *
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export function quiet(promise) {
  // Not `Promise.prototype.then`: with Angular's zone there are two kinds of promises.
  const { then } = promise;
  then.call(promise, undefined, () => {});
  // An own property, so that `Promise.resolve(promise)` is still the promise itself.
  return Object.defineProperty(promise, 'then', {
    value: (/** @type {any[]} */ ...handlers) => quiet(then.apply(promise, /** @type {any} */ (handlers))),
  });
}
