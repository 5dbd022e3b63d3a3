// Bundles scripts as a site's build would do it.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (to) => fileURLToPath(new URL(to, import.meta.url));

/** `entry`: the path of a file. `options`: further options for esbuild. */
export const bundle = async (entry, options = {}) => {
  const {
    outputFiles: [{ text }],
  } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2020',
    jsx: 'automatic',
    alias: { 'livechat-cip': path('../../../web/livechat-cip.js') },
    nodePaths: [path('../node_modules')],
    logLevel: 'warning',
    ...options,
    define: {
      'process.env.NODE_ENV': '"production"',
      ngDevMode: 'false',
      ngJitMode: 'false',
      ...options.define,
      __VUE_OPTIONS_API__: 'true',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
  });
  return text;
};
