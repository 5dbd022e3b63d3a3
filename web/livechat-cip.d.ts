/**
 * What a page has to say to get its user's LiveChat identity from a livechat-cip backend. `null` for an option is as if it were left out,
 * but for `token`: with that, nobody is logged in.
 */
export interface Options {
  /** Where the backend is: the base URL of its API, absolute or relative to the page. `/getToken` and so on come behind it. */
  baseUrl: string | URL;
  /**
   * The user's session token, sent as `Authorization: Bearer`; for `AUTH=jwt` and `AUTH=authorizer`. A function is called for each
   * request, so that tokens may live for minutes. While there is none (`null`, `undefined` or an empty string) and no `user`, nobody is
   * logged in: a guest calls, or if there are no guests, no request is made.
   */
  token?: MaybeText | (() => MaybeText | Promise<MaybeText>);
  /** Your id of the user, for the path; needed with `AUTH=hmac` and `AUTH=none`. With other modes it must be the verified user. */
  user?: string | null;
  /** For `AUTH=hmac`: the hash of `user`, in hex, that your server made. */
  userHash?: string | null;
  /** For `AUTH=hmac`: the end of `userHash`, Unix time in s, if it was made with one. */
  userHashExpires?: number | string | null;
  /**
   * Whether visitors who are not logged in have an identity (`GUESTS=true`). The secret that stands for the guest is kept in
   * `localStorage`, is sent along at login, so that the guest's chat becomes the user's, and is replaced at logout.
   */
  guest?: boolean | null;
  /** The LiveChat group whose identity is meant. */
  group?: number | null;
  /** Of `fetch`: `include` sends the session cookie of `JWT_COOKIE` to a backend on another origin. */
  credentials?: RequestCredentials | null;
  /** How long calling `token` and the request may take together, in ms, before both are tried again; 8000 unless said otherwise. */
  timeout?: number | null;
  /**
   * Where the token is kept: for the page, or in `sessionStorage`, so that the next page of this tab makes no request. The latter
   * needs `user`, or a page of guests only: else nobody could tell whose token it is that lies there.
   */
  cache?: 'page' | 'session' | null;
  /** Keeps apart what would be shared by pages of one origin, such as two shops: guests, tokens, logouts. */
  scope?: string | null;
  /**
   * Called when the identity ends: at a logout, in this tab or another, or when the backend refuses a page that had a token, and the page
   * has no other session within 20 s. It may be called again at a later logout. It must take the user's chat off the page. By default that is
   * `LiveChatWidget.call('destroy')`, where there is a widget. With LiveChat's components for React, Vue and Angular unmount the
   * component, which does that itself; with the Customer SDK call its `destroy()`.
   */
  onLogout?: (() => void) | null;
}

type MaybeText = string | null | undefined;

/** A LiveChat customer token. Both times are in ms, by the clock of this browser. */
export interface Token {
  accessToken: string;
  /** The customer. */
  entityId: string;
  /** How long it lives, in ms from its creation. */
  expiresIn: number;
  tokenType: 'Bearer';
  /** Unix time in ms. */
  creationDate: number;
  /** Missing where the backend knows its organization only; LiveChat's adapters declare it so. */
  licenseId: number;
  organizationId?: string;
}

/**
 * The four functions that LiveChat's widget and SDK call. In an outage their promises stay pending, and the request is made again until it
 * succeeds: LiveChat's widget is not told of rejections. They reject with an `IdentityError` when trying again would not help, and that
 * counts as no unhandled rejection.
 */
export interface IdentityProvider {
  /** The token at hand, or else the backend's, which gets one from LiveChat if need be. While a fresh one is awaited, that; for 20 s. */
  getToken(): Promise<Token>;
  /** A newly issued token of the same customer. After five in a row, one a minute. */
  getFreshToken(): Promise<Token>;
  /** Whether there is a token at hand. No request is made. */
  hasToken(): Promise<boolean>;
  /** Drops the token, here and in the backend. The customer stays: LiveChat's clients do this for routine renewal. */
  invalidate(): Promise<void>;
}

/**
 * What `getToken`, `getFreshToken` and `invalidate` reject with. LiveChat's Customer SDK knows these codes, and stops for good; its widget is
 * not told. The same caller gets the same error without a request for 1 minute, then for 2, 4 and 5; another session is tried at once.
 *
 * | `code` | `message` | when |
 * |---|---|---|
 * | `SSO_IDENTITY_EXCEPTION` | the backend's code, such as `unauthenticated` | 401, 403, 409, 410, after a logout, nobody logged in |
 * | `SSO_OAUTH_EXCEPTION` | LiveChat's code, such as `invalid_request` | 502: LiveChat refuses the backend's settings |
 * | `SSO_OAUTH_EXCEPTION` | the backend's code | other 4xx: the page calls what is not there |
 * | `SSO_OAUTH_EXCEPTION` | the browser's message | no request can be made: the user id is no Unicode, there is no `crypto` for a guest |
 *
 * 429, 5xx, a lost connection, no response in time and one that is not the backend's are no errors: the request is made again. Only a
 * provider that a later one has replaced on its page gives up then, with `SSO_OAUTH_EXCEPTION`, `temporarily_unavailable`.
 */
export interface IdentityError extends Error {
  code: 'SSO_IDENTITY_EXCEPTION' | 'SSO_OAUTH_EXCEPTION';
  /** What happened and what to do, for people. */
  detail: string;
  /** Finds the call in the backend's log. */
  requestId?: string;
  /** The HTTP status, if there was a response. */
  status?: number;
}

/** `window.__lc.custom_identity_provider`, the adapters' `customIdentityProvider`, the Customer SDK's `identityProvider`. */
export interface ProviderFunction {
  (): IdentityProvider;
  /**
   * Ends the identity in all tabs of this browser, takes the chat off their pages, and lets LiveChat revoke every token that the user
   * was given, on all devices. Call it while the user's session still stands, then end that. Never rejects. `true`: all of them are
   * revoked. `false`: the backend could not be told, for instance as the session had ended before, or it could not tell LiveChat yet;
   * until it has, a token that somebody has copied works. The backend tells LiveChat at the user's next renewal, or when `logout()` is called
   * again, five seconds later or more. Of a guest it cannot be called again: the secret is forgotten.
   */
  logout(): Promise<boolean>;
}

/**
 * The identity of one user, or of one guest. After a login or logout without a page load make another one: of those with the same
 * `baseUrl`, `group` and `scope`, only the latest on a page hears of other tabs.
 *
 * @throws {TypeError} if the options make no sense
 */
export function createIdentityProvider(options: Options): ProviderFunction;
