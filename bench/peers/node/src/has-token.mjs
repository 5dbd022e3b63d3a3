// hasToken: whether a token is stored that LiveChat accepts.
import { handlerOf } from './http.mjs';
import { readRecord } from './store.mjs';
import { isLive } from './token.mjs';

export const handler = handlerOf(async (user) => isLive(await readRecord(user, 'createdMs, expiresInMs')));
