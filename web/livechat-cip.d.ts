/**
 * The options of a page that gets its user's LiveChat identity from a livechat-cip backend. An option that is `null` counts as left out,
 * except `token`: `null` means that nobody is logged in.
 */
export interface Options {
  /** The base URL of the backend's API, absolute or relative to the page. `/getToken` and the other paths are appended to it. */
  baseUrl: string | URL;
  /**
   * The user's session token, sent as `Authorization: Bearer`; for `AUTH=jwt` and `AUTH=authorizer`. A function is called for each
   * request, so tokens may expire after minutes. Without a token (`null`, `undefined` or an empty string) and without `user`, nobody is
   * logged in: the caller is a guest, or if guests are not enabled, no request is made.
   */
  token?: MaybeText | (() => MaybeText | Promise<MaybeText>);
  /** Your id of the user, for the path; needed with `AUTH=hmac` and `AUTH=none`. With the other modes it must be the verified user. */
  user?: string | null;
  /** For `AUTH=hmac`: the hash of `user`, in hex, that your server computed. */
  userHash?: string | null;
  /** For `AUTH=hmac`: the expiry of `userHash`, Unix time in s, if the hash was computed with one. */
  userHashExpires?: number | string | null;
  /**
   * Whether visitors who are not logged in have an identity (`GUESTS=true`). The guest's secret is stored in `localStorage`. After a login
   * it is sent with the first call, so that the guest's chat becomes the user's. A logout replaces it.
   */
  guest?: boolean | null;
  /** The LiveChat group of the identity. */
  group?: number | null;
  /** Of `fetch`: `include` sends the session cookie of `JWT_COOKIE` to a backend on another origin. */
  credentials?: RequestCredentials | null;
  /** The time for `token` and the request together, in ms, after which both are tried again; 8000 by default. */
  timeout?: number | null;
  /**
   * Where the token is stored: on the page, or in `sessionStorage`, so that the next page of this tab makes no request. The latter needs
   * `user`, or a page for guests only: otherwise the script could not know whose token it has stored.
   */
  cache?: 'page' | 'session' | null;
  /** Separates the guests, tokens and logouts of sites on the same origin, such as two shops. */
  scope?: string | null;
  /**
   * Called when the identity ends: at a logout in this tab or another one, or when the backend refuses a page that had a token, and the page
   * gets no other session within 20 s. It may be called again at a later logout. It must remove the user's chat from the page. By default it
   * calls `LiveChatWidget.call('destroy')`, if there is a widget. With LiveChat's components for React, Vue and Angular, unmount the
   * component, which destroys the widget itself. With the Customer SDK, call its `destroy()`.
   */
  onLogout?: (() => void) | null;
}

type MaybeText = string | null | undefined;

/** A LiveChat customer token. Both times are in ms, by the clock of this browser. */
export interface Token {
  accessToken: string;
  /** The customer. */
  entityId: string;
  /** Its lifetime, in ms from its creation. */
  expiresIn: number;
  tokenType: 'Bearer';
  /** Unix time in ms. */
  creationDate: number;
  /** Missing if the backend only has an organization id. It is not optional here because LiveChat's adapters declare it so. */
  licenseId: number;
  organizationId?: string;
}

/**
 * The four functions that LiveChat's widget and SDK call. In an outage their promises stay pending, and the request is retried until it
 * succeeds, because LiveChat's widget ignores rejections. They reject with an `IdentityError` if a retry would not help. These rejections
 * never count as unhandled.
 */
export interface IdentityProvider {
  /**
   * The token of this page. Without one, the token of the backend, which gets it from LiveChat if necessary. During a `getFreshToken`, it
   * waits up to 20 s for the fresh token.
   */
  getToken(): Promise<Token>;
  /** A newly issued token of the same customer. After five in a row, one per minute. */
  getFreshToken(): Promise<Token>;
  /** Whether this page has a token. No request is made. */
  hasToken(): Promise<boolean>;
  /** Drops the token, here and in the backend. The customer stays the same: LiveChat's clients call this before a normal renewal. */
  invalidate(): Promise<void>;
}

/**
 * The error of `getToken`, `getFreshToken` and `invalidate`. LiveChat's Customer SDK knows these codes, and stops. LiveChat's widget does not
 * see the error. The same caller gets the same error without a request for 1 minute, then for 2, 4 and 5 minutes. Another session is tried at
 * once.
 *
 * | `code` | `message` | when |
 * |---|---|---|
 * | `SSO_IDENTITY_EXCEPTION` | the backend's code, such as `unauthenticated` | 401, 403, 409, 410, after a logout, nobody logged in |
 * | `SSO_OAUTH_EXCEPTION` | LiveChat's code, such as `invalid_request` | 502: LiveChat refuses the backend's settings |
 * | `SSO_OAUTH_EXCEPTION` | the backend's code | other 4xx: the page calls something that does not exist |
 * | `SSO_OAUTH_EXCEPTION` | the browser's message | no request can be made: the user id is not valid Unicode, or there is no `crypto` for a guest |
 *
 * 429, 5xx, a lost connection, no response in time and a response that is not the backend's are not errors: the request is retried. Only if
 * another provider has replaced this one on the page, it stops retrying, with `SSO_OAUTH_EXCEPTION`, `temporarily_unavailable`.
 */
export interface IdentityError extends Error {
  code: 'SSO_IDENTITY_EXCEPTION' | 'SSO_OAUTH_EXCEPTION';
  /** What has happened and what to do, as a text for people. */
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
   * Ends the identity in all tabs of this browser, removes the chat from their pages, and has LiveChat revoke every token that the user
   * was given, on all devices. Call it while the user's session is still valid, and then end the session. It never rejects.
   *
   * - `true`: all tokens are revoked.
   * - `false`: the backend did not get the logout, for instance because the session had ended before; or it could not tell LiveChat yet.
   *   Until LiveChat has revoked the tokens, a copied token still works. The backend tells LiveChat at the user's next renewal, or when
   *   `logout()` is called again, five seconds later or more. For a guest, a second call has no effect: the guest's secret is forgotten.
   */
  logout(): Promise<boolean>;
}

/**
 * Creates the identity provider for one user or one guest. After a login or logout without a page load, create another one. Of the providers
 * with the same `baseUrl`, `group` and `scope` on a page, only the latest gets messages of other tabs.
 *
 * @throws {TypeError} if an option is invalid
 */
export function createIdentityProvider(options: Options): ProviderFunction;
