// Bundles each function into one file, as AWS recommends for a short cold start.
import { build } from 'esbuild';

const FUNCTIONS = ['get-token', 'get-fresh-token', 'has-token', 'invalidate'];

await build({
  entryPoints: FUNCTIONS.map((name) => `src/${name}.mjs`),
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // The SDK's modules: code that is not used can be left out of them.
  mainFields: ['module', 'main'],
  // Some dependencies are CommonJS, and need a `require`.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});
