// Events and responses of an API Gateway HTTP API, payload format 2.0.

/** An error that the caller gets as a response. */
export class HttpError extends Error {
  constructor(status, code) {
    super(code);
    Object.assign(this, { status, code });
  }
}

function userOf(event) {
  // The gateway has already decoded both.
  const user = event.pathParameters?.user ?? event.rawPath.split('/').slice(2).join('/');
  const length = Buffer.byteLength(user);
  if (length < 1 || length > 512) throw new HttpError(400, 'invalid_user');
  return user;
}

function response(statusCode, body) {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  return { statusCode, headers, body: JSON.stringify(body) };
}

/** The Lambda handler of an operation, which takes the user's id and the time in ms by which it must return. */
export function handlerOf(operation) {
  return async (event, context) => {
    const deadline = Date.now() + context.getRemainingTimeInMillis() - 500;
    try {
      return response(200, await operation(userOf(event), deadline));
    } catch (error) {
      // Not the message: it could contain what was sent.
      console.error(JSON.stringify({ level: 'ERROR', error: error.name, code: error.code }));
      const known = error instanceof HttpError;
      return response(known ? error.status : 500, { code: known ? error.code : 'internal_error' });
    }
  };
}
