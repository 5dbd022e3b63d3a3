// The life of a token.
const MARGIN_MS = 65 * 60 * 1000;

const leftMs = ({ createdMs, expiresInMs }) => createdMs + expiresInMs - Date.now();

/** LiveChat still accepts the token. */
export const isLive = (record) => record.createdMs !== undefined && leftMs(record) > 0;

/** The widget renews a token that has less than an hour left, so such a token is renewed before it is returned. */
export const isUsable = (record) => record.createdMs !== undefined && leftMs(record) > Math.min(MARGIN_MS, record.expiresInMs / 4);
