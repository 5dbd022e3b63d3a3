// The server of LiveChat's tutorial for custom identity providers, written anew from its description. It has the tutorial's known faults:
// docs/migration.md lists them. They are measured too, so they must stay.
//
// It prints its address. Settings: PORT (0 for a free one), USERS_FILE (default: users.json in the current folder), LIVECHAT_ACCOUNTS_URL,
// LIVECHAT_CLIENT_ID, LIVECHAT_ORGANIZATION_ID, LIVECHAT_LICENSE_ID, LIVECHAT_REDIRECT_URI.
import express from 'express';
import { issueToken } from './livechat.mjs';
import { readUsers, writeUsers } from './users.mjs';

const app = express();

app.all('/getToken/:id', async (request, response) => {
  const { id } = request.params;
  const user = (await readUsers())[id];
  // Fault: nobody looks at the age of the stored token.
  if (user?.token) return response.json(user.token);
  // Fault: the id is not encoded again.
  return response.redirect(`/getFreshToken/${id}`);
});

app.all('/getFreshToken/:id', async (request, response) => {
  const { id } = request.params;
  const user = (await readUsers())[id];
  const { token, cookies } = await issueToken(user?.cookies);
  // Fault: two calls at once can both be the first one of a user, and the last one to write decides which customer stays.
  await writeUsers({ ...(await readUsers()), [id]: { token, cookies } });
  response.json(token);
});

app.all('/hasToken/:id', async (request, response) => {
  response.json(Boolean((await readUsers())[request.params.id]?.token));
});

app.all('/invalidate/:id', async (request, response) => {
  // Fault: the customer is lost with the token.
  const { [request.params.id]: _, ...others } = await readUsers();
  await writeUsers(others);
  response.json(null);
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
