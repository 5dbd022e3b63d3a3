// What is handed out: one file for modules, to be read too, and one for classic pages, as small as it gets.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';

/** Names that only `src` knows: none is in an option, a result, a message to other tabs or in storage. */
const INTERNAL = [
  'base',
  'bearer',
  'callOnce',
  'changes',
  'endAll',
  'forgetSecret',
  'hold',
  'identify',
  'insist',
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

/** The files by name, as they should be. */
export async function buildAll() {
  const [module, classic] = await Promise.all([
    bundle('provider.js', 'esm', '// livechat-cip: built from web/src, where it is easier to read. What it does is in livechat-cip.d.ts.'),
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
