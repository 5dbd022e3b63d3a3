// getFreshToken: always a new token, for the same customer.
import { handlerOf } from './http.mjs';
import { renew } from './renewal.mjs';

export const handler = handlerOf((user, deadline) => renew(user, deadline));
