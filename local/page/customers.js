// The customers that the devices have shown so far: which ones LiveChat has forgotten, and which ones were replaced.

export class Customers {
  /** The entity ids of all customers that a device has shown. */
  #seen = new Set();
  /** Those of them that the sandbox has forgotten, because this page reset it. */
  #forgotten = new Set();
  /** For each device, the latest customer and whose it is. */
  #latest = new Map();
  /** For each caller and group, the customers that a device showed before the present one. */
  #former = new Map();

  observe(frames) {
    for (const frame of frames) {
      const { entityId } = frame.state ?? {};
      if (!entityId) continue;
      const key = keyOf(frame);
      const latest = this.#latest.get(frame);
      if (latest?.key === key && latest.entityId !== entityId) {
        this.#former.set(key, (this.#former.get(key) ?? new Set()).add(latest.entityId));
      }
      this.#latest.set(frame, { key, entityId });
      this.#seen.add(entityId);
    }
  }

  /** Call this before a reset of the sandbox, and the function that it returns when the reset has succeeded. */
  prepareReset() {
    // During the reset, a device may already get a new customer.
    const seen = [...this.#seen];
    return () => {
      for (const entityId of seen) this.#forgotten.add(entityId);
    };
  }

  isForgotten(entityId) {
    return this.#forgotten.has(entityId);
  }

  /** The former customers of the caller on this device. */
  formerOf(frame) {
    const former = [...(this.#former.get(keyOf(frame)) ?? [])];
    // The provider can create another guest, for example if this one logged in in another tab.
    return frame.state.caller.isUser ? former : former.filter((entityId) => this.isForgotten(entityId));
  }
}

const keyOf = ({ state: { caller, group } }) => `${caller.key}, group ${group}`;
