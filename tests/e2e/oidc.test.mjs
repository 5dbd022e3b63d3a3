// Tokens of a real OpenID provider, verified with the key set that it publishes.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import Provider from 'oidc-provider';
import { startLocal } from './helpers/local.mjs';

const AUDIENCE = 'livechat';
const SECRET = 'a secret between the provider and its clients';
let provider;
let local;

/** A provider whose clients get signed tokens for our audience. The user in a token is the client. */
async function startProvider() {
  // The issuer is part of the settings, so the port must be known first.
  const server = createServer((request, response) => handle(request, response));
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const client = (client_id, alg) => ({
    client_id,
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    id_token_signed_response_alg: alg,
  });
  const oidc = new Provider(issuer, {
    clients: [client('alice', 'RS256'), client('bob', 'RS256')],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({ scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600 }),
      },
    },
  });
  const handle = oidc.callback();
  return {
    issuer,
    jwks: async () => (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()).jwks_uri,
    async token(user, audience = AUDIENCE) {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${encodeURIComponent(user)}:${encodeURIComponent(SECRET)}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: `urn:${audience}` }),
      });
      const { access_token: token, ...rest } = await response.json();
      assert.ok(token, JSON.stringify(rest));
      return token;
    },
    stop: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(closed);
      }),
  };
}

before(async () => {
  provider = await startProvider();
  local = await startLocal([], {
    AUTH: 'jwt',
    JWT_JWKS_URL: await provider.jwks(),
    JWT_ISSUER: provider.issuer,
    JWT_AUDIENCE: `urn:${AUDIENCE}`,
  });
});
after(async () => {
  await local?.stop();
  await provider?.stop();
});

async function call(path, token) {
  const response = await fetch(local.api + path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: await response.json() };
}

test('a token of the provider is accepted for its user only', async () => {
  const [alice, bob] = [await provider.token('alice'), await provider.token('bob')];
  assert.equal(JSON.parse(atob(alice.split('.')[0])).alg, 'RS256');
  const [first, second, other] = [await call('/getToken', alice), await call('/getToken/alice', alice), await call('/getToken', bob)];
  assert.equal(first.status, 200, JSON.stringify(first.body));
  assert.equal(second.body.entityId, first.body.entityId);
  assert.notEqual(other.body.entityId, first.body.entityId);
  assert.equal((await call('/getToken/bob', alice)).body.code, 'user_mismatch');
});

test('a token for another audience and a token that was changed are refused', async () => {
  assert.equal((await call('/getToken', await provider.token('alice', 'other'))).status, 401);
  const [head, claims, signature] = (await provider.token('alice')).split('.');
  const changed = btoa(JSON.stringify({ ...JSON.parse(atob(claims)), sub: 'bob' })).replace(/=+$/, '');
  assert.equal((await call('/getToken', [head, changed, signature].join('.'))).status, 401);
});
