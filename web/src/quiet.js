// Promises whose rejection nobody has to look at.

/**
 * LiveChat's widget passes on what a promise resolves with and drops rejections, and its SDK does not look at some of its calls. Either
 * would be an unhandled rejection on the site's page, though each failure has had its warning. So neither the promise nor what a client
 * derives from it with `then` counts as one; whoever handles a rejection gets it as always.
 *
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export function quiet(promise) {
  // Not the prototype's: Angular's zone has promises of two kinds.
  const { then } = promise;
  then.call(promise, undefined, () => {});
  // An own property, so that `Promise.resolve(promise)` is still the promise itself.
  return Object.defineProperty(promise, 'then', {
    value: (/** @type {any[]} */ ...handlers) => quiet(then.apply(promise, /** @type {any} */ (handlers))),
  });
}
