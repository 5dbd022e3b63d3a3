// getToken: the stored token while it is usable, else a new one.
import { handlerOf } from './http.mjs';
import { tokenObject } from './livechat.mjs';
import { renew } from './renewal.mjs';
import { readRecord } from './store.mjs';
import { isUsable } from './token.mjs';

export const handler = handlerOf(async (user, deadline) => {
  const record = await readRecord(user);
  return isUsable(record) ? tokenObject(record) : renew(user, deadline, record.tokenSeq ?? 0);
});
