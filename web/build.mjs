// Builds the published files: a module, which people can read, and a small minified file for pages without modules.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';

/** Internal names, which can be shortened: none is an option, or a field of a result, of a message to other tabs or of stored data. */
const INTERNAL = [
  'base',
  'bearer',
  'callOnce',
  'callUntilDone',
  'changes',
  'endAll',
  'forgetSecret',
  'hold',
  'identify',
  'isEnded',
  'isReplaced',
  'joinTabs',
  'leave',
  'make',
  'needsToken',
  'recall',
  'replaceToken',
  'secret',
  'sendRequest',
  'shareToken',
  'usable',
  'waitMs',
  'wasHeld',
];
const path = (name) => new URL(name, import.meta.url);

async function bundle(entry, format, banner = '') {
  const { outputFiles } = await build({
    entryPoints: [path(`src/${entry}`).pathname],
    bundle: true,
    write: false,
    format,
    target: 'es2020',
    charset: 'utf8',
    tsconfigRaw: {},
    banner: { js: banner },
  });
  return outputFiles[0].text;
}

/** The contents of the published files, by name. */
export async function buildAll() {
  const [module, classic] = await Promise.all([
    bundle('provider.js', 'esm', '// livechat-cip: built from web/src, which is easier to read. livechat-cip.d.ts describes it.'),
    bundle('classic.js', 'iife'),
  ]);
  const { code } = await minify(classic, {
    ecma: 2020,
    compress: { passes: 4, unsafe_arrows: true, keep_fargs: false },
    mangle: { properties: { regex: new RegExp(`^(${INTERNAL.join('|')})$`) } },
  });
  return { 'livechat-cip.js': module, 'livechat-cip.min.js': `${code}\n` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(await buildAll())) await writeFile(path(name), text);
}
