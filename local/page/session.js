// Who a device acts as, where callers are verified or guests have identities: its login, its guest's secret, and what its
// calls carry. The login is the one for development that only `cargo local` has.

const PATIENCE_MS = 5_000;

/**
 * Who a call is from, and how the backend can tell: `name` is for people, `key` differs for all who differ, `inPath` is the
 * `{user}` of the path, and `isUser` says that it is somebody who is logged in.
 */
export const named = (user) => ({ name: user, key: `user ${user}`, isUser: true, inPath: user, headers: {} });

/** What a request for `user` must carry, `{ headers, userInPath }`. Rejects with words for people. */
export async function credentialsOf(user, { auth }) {
  if (auth === 'none') return { headers: {}, userInPath: true };
  const response = await fetch(`/dev/credentials?user=${encodeURIComponent(user)}`, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new Error(`/dev/credentials answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** Whether this page can log anybody in: not with keys that only their owner can sign with. */
export const canLogIn = ({ auth, developmentLogin }) => auth === 'none' || developmentLogin;

export class Session {
  #user;
  #credentials;
  #guest;
  #place;

  /** `device` is where it is kept which guest this is. */
  constructor(device, config) {
    this.config = config;
    this.#place = `guest-${device.toLowerCase()}`;
    if (config.guests) this.#guest = recall(this.#place) ?? this.#makeGuest();
  }

  /** Who is logged in; undefined while nobody is. */
  get user() { return this.#user; }

  /** Who the next call is from. Once logged in, the guest's secret still comes along: that is how the guest's chat goes on. */
  get caller() {
    const guest = this.#guest && { 'X-Guest-Id': this.#guest };
    if (this.#user !== undefined) {
      const { headers, userInPath } = this.#credentials;
      return { ...named(this.#user), inPath: userInPath ? this.#user : '', headers: { ...headers, ...guest } };
    }
    return guest
      ? { name: 'a guest', key: `guest ${this.#guest}`, isUser: false, inPath: '', headers: guest }
      : { name: 'nobody', key: 'nobody', isUser: false, inPath: '', headers: {} };
  }

  async logIn(user) {
    if (user === '') throw new Error('Type a user name first.');
    const credentials = await credentialsOf(user, this.config);
    this.#user = user;
    this.#credentials = credentials;
  }

  /** Nobody is logged in from now on, and whoever comes is not the guest who was there before. */
  end() {
    this.#user = undefined;
    this.#credentials = undefined;
    this.newGuest();
  }

  newGuest() {
    if (this.config.guests) this.#guest = this.#makeGuest();
  }

  #makeGuest() {
    const secret = newSecret();
    keep(this.#place, secret);
    return secret;
  }
}

/** 32 random bytes in base64url. */
function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace('=', '');
}

// A browser that keeps nothing for pages has another guest after each reload, and that is all.
function recall(place) {
  try {
    return localStorage.getItem(place) ?? undefined;
  } catch {
    return undefined;
  }
}

function keep(place, secret) {
  try {
    localStorage.setItem(place, secret);
  } catch { /* see above */ }
}
