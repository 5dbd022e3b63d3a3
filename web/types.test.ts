// Compiled, but never run: checks that our types fit those of LiveChat's packages.
import type { Config } from '@livechat/customer-sdk';
import { createWidget } from '@livechat/widget-core';
import { createIdentityProvider } from './livechat-cip.js';

const identityProvider = createIdentityProvider({ baseUrl: '/cip', token: async () => 'session', guest: true, cache: 'page' });
createWidget({ organizationId: 'organization', customIdentityProvider: identityProvider });
const forSdk: Config = { organizationId: 'organization', clientId: 'client', identityProvider };
void forSdk;
createIdentityProvider({ baseUrl: '/cip', cache: null, credentials: null, group: null, timeout: null, token: () => null, user: null });
const isRevoked: Promise<boolean> = identityProvider.logout();
void isRevoked;

// @ts-expect-error: baseUrl is missing
createIdentityProvider({});
// @ts-expect-error: a misspelt option
createIdentityProvider({ baseUrl: '/cip', users: 'alice' });
