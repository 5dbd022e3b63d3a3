// The name in the steps for guests. A guest's chat goes on only for a user who has no customer yet, so this name is a new one.

const NAMES = ['anna', 'carlos', 'emma', 'jonas', 'maria', 'nora', 'paul', 'sofia'];

export class Offer {
  #frames;
  /** The devices that have the present name. */
  #informed = new Set();
  /** The number of devices on which this name is logged in. */
  #logins = 0;

  constructor(frames) {
    this.#frames = frames;
    this.#renew();
  }

  /** Call this when a device has changed. After a logout, the name has a customer, so another one is offered. */
  update() {
    const ready = this.#frames.filter(({ isReady }) => isReady);
    const logins = ready.filter(({ state: { caller } }) => caller.isUser && caller.name === this.name).length;
    if (logins < this.#logins) this.#renew();
    else this.#logins = logins;
    for (const frame of ready.filter((frame) => !this.#informed.has(frame))) {
      this.#informed.add(frame);
      frame.send('offer', { user: this.name });
    }
  }

  #renew() {
    const [name, number] = crypto.getRandomValues(new Uint16Array(2));
    this.name = `${NAMES[name % NAMES.length]}-${(number % 0x1000).toString(16).padStart(3, '0')}`;
    this.#logins = 0;
    this.#informed.clear();
    for (const place of document.querySelectorAll('[data-offer]')) place.textContent = this.name;
  }
}
