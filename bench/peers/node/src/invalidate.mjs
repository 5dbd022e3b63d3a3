// invalidate: drops the stored token. The customer stays.
import { handlerOf } from './http.mjs';
import { dropToken } from './store.mjs';

export const handler = handlerOf(async (user) => {
  await dropToken(user);
  return null;
});
