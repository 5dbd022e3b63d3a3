// A renewal: one call at a time gets a new token from LiveChat, and the others wait for it.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { HttpError } from './http.mjs';
import { issueToken, tokenObject } from './livechat.mjs';
import { acquireLease, commitToken, releaseLease } from './store.mjs';
import { isUsable } from './token.mjs';

const SHORTEST_RENEWAL_MS = 1_500;
const LONGEST_PAUSE_MS = 300;

/** Calls LiveChat under a lease. Returns undefined if the lease was lost meanwhile. */
async function renewUnder(lease, user) {
  let token;
  try {
    token = await issueToken(lease.cid && { cid: lease.cid, cst: lease.cst });
  } catch (error) {
    await releaseLease(user, lease);
    throw error;
  }
  return (await commitToken(user, lease, token)) ? tokenObject(token) : undefined;
}

/**
 * A new token. A token that another call gets meanwhile is accepted if its number is higher than `newerThan`; undefined accepts one that
 * LiveChat was asked for after this call came.
 */
export async function renew(user, deadline, newerThan) {
  for (let pauseMs = 25; Date.now() < deadline - SHORTEST_RENEWAL_MS; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    // A name for each try: an earlier one of this call may have lost its lease.
    const { isAcquired, record } = await acquireLease(user, randomUUID(), newerThan ?? Number.MAX_SAFE_INTEGER);
    if (isAcquired) {
      const token = await renewUnder(record, user);
      if (token) return token;
    } else {
      // The first other call may have called LiveChat before this call came.
      newerThan ??= record.leaseSeq;
      if (record.tokenSeq > newerThan && isUsable(record)) return tokenObject(record);
    }
    await pause(pauseMs * (0.5 + Math.random() / 2));
  }
  throw new HttpError(503, 'busy');
}
