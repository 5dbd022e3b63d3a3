// Whether the guest on a device has begun to chat. Until then, the guest needs no customer. If a browser blocks storage, it is known only
// until a reload.

export class Begun {
  #key;

  constructor(device) {
    this.#key = `chat-begun:${device}`;
  }

  get isKnown() {
    try {
      return localStorage.getItem(this.#key) !== null;
    } catch {
      return false;
    }
  }

  remember() {
    try {
      localStorage.setItem(this.#key, 'yes');
    } catch {
      /* see above */
    }
  }

  forget() {
    try {
      localStorage.removeItem(this.#key);
    } catch {
      /* see above */
    }
  }
}
