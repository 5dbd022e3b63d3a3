// For pages without modules: a global with the same function.
import { createIdentityProvider } from './provider.js';

/** @type {any} */ (globalThis).livechatCip = { createIdentityProvider };
