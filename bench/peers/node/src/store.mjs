// The table. An item has `entityId`, `cid` and `cst` (the cookies), `accessToken`, `createdMs`, `expiresInMs` and `tokenSeq` (the token),
// and `leaseOwner`, `leaseUntilMs` and `leaseSeq` (the lease). A token has the number of the lease under which it was issued.
import { DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { table } from './settings.mjs';

// The client keeps its connections open. It is created once, at the start.
const client = new DynamoDBClient({ requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000 } });
const LEASE_MS = 10_000;
const COOKIES_LIVE_S = 63_072_000;

const keyOf = (user) => ({ pk: { S: `node#${user}` }, sk: { S: 'identity' } });
const n = (number) => ({ N: String(number) });
const s = (string) => ({ S: string });
const read = ({ N, S }) => (N === undefined ? S : Number(N));
const recordOf = (item = {}) => Object.fromEntries(Object.entries(item).map(([name, value]) => [name, read(value)]));

/** What is stored for the user; if `projection` is set, only these attributes. */
export async function readRecord(user, projection) {
  const command = { TableName: table, Key: keyOf(user), ConsistentRead: true, ProjectionExpression: projection };
  return recordOf((await client.send(new GetItemCommand(command))).Item);
}

/** A conditional write: whether it took effect, and what is stored then. */
async function write(user, update, condition, values) {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: keyOf(user),
    UpdateExpression: update,
    ConditionExpression: condition,
    ExpressionAttributeValues: values,
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
  try {
    return { isApplied: true, record: recordOf((await client.send(command)).Attributes) };
  } catch (error) {
    if (error.name !== 'ConditionalCheckFailedException') throw error;
    return { isApplied: false, record: recordOf(error.Item) };
  }
}

/** Acquires the user's lease, unless another call has it or there is a token with a higher number than `newerThan`. */
export async function acquireLease(user, owner, newerThan) {
  const now = Date.now();
  const { record } = await write(
    user,
    'SET leaseOwner = :owner, leaseUntilMs = :until ADD leaseSeq :one',
    // The owner's name stays stored: a repeated request cannot acquire a second lease.
    '(attribute_not_exists(leaseUntilMs) OR leaseUntilMs < :now) AND (attribute_not_exists(tokenSeq) OR tokenSeq <= :seq)' +
      ' AND (attribute_not_exists(leaseOwner) OR leaseOwner <> :owner)',
    { ':owner': s(owner), ':until': n(now + LEASE_MS), ':now': n(now), ':one': n(1), ':seq': n(newerThan) },
  );
  // Also if the SDK repeated a request that had taken effect.
  return { isAcquired: record.leaseOwner === owner && record.leaseUntilMs !== undefined, record };
}

const IS_OWNED = 'leaseOwner = :owner AND leaseSeq = :seq AND attribute_exists(leaseUntilMs)';

/** Stores the token and ends the lease. Returns whether the token is stored. */
export async function commitToken(user, lease, token) {
  const { record } = await write(
    user,
    'SET entityId = :entity, cid = :cid, cst = :cst, accessToken = :token, createdMs = :created, expiresInMs = :life,' +
      ' tokenSeq = :seq, expiresAt = :end REMOVE leaseUntilMs',
    IS_OWNED,
    {
      ':owner': s(lease.leaseOwner),
      ':seq': n(lease.leaseSeq),
      ':entity': s(token.entityId),
      ':cid': s(token.cid),
      ':cst': s(token.cst),
      ':token': s(token.accessToken),
      ':created': n(token.createdMs),
      ':life': n(token.expiresInMs),
      ':end': n(Math.floor(token.createdMs / 1000) + COOKIES_LIVE_S),
    },
  );
  return record.accessToken === token.accessToken;
}

/** Ends the lease without a token. */
export async function releaseLease(user, lease) {
  await write(user, 'REMOVE leaseUntilMs', IS_OWNED, { ':owner': s(lease.leaseOwner), ':seq': n(lease.leaseSeq) });
}

/** Drops the token; the customer stays. */
export async function dropToken(user) {
  await write(user, 'REMOVE accessToken, createdMs, expiresInMs, tokenSeq', 'attribute_exists(pk)');
}
