// Compiles an Angular application ahead of time, as a production build does. Compilation in the browser would need `unsafe-eval`.
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ConsoleLogger,
  createCompilerHost,
  formatDiagnostics,
  LogLevel,
  NodeJSFileSystem,
  performCompilation,
} from '@angular/compiler-cli';
import { createEs2015LinkerPlugin } from '@angular/compiler-cli/linker/babel';
import { transformAsync } from '@babel/core';
import ts from 'typescript';

/** A placeholder: no files are written. */
const OUT = '/compiled';
const path = (to) => fileURLToPath(new URL(to, import.meta.url));

/** A plugin for esbuild. It compiles the application whose entry is `main`, and links Angular's own packages. */
export function angular(main) {
  const sources = compile(main);
  return {
    name: 'angular',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => ({
        contents: sources.get(file.replace(/\.ts$/, '.js')),
        loader: 'js',
        resolveDir: dirname(file),
      }));
      build.onLoad({ filter: /@angular\/.*\.mjs$/ }, async ({ path: file }) => ({ contents: await link(file), loader: 'js' }));
    },
  };
}

function compile(main) {
  const sources = new Map();
  const options = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ES2022,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
    types: [],
    strict: true,
    strictTemplates: true,
    skipLibCheck: true,
    allowJs: true,
    rootDir: dirname(dirname(main)),
    outDir: OUT,
    paths: { 'livechat-cip': [path('../../../web/livechat-cip.d.ts')], '*': [path('../node_modules/*')] },
  };
  const host = createCompilerHost({ options });
  host.writeFile = (file, text) => sources.set(file.replace(OUT, options.rootDir), text);
  const { diagnostics } = performCompilation({ rootNames: [main], options, host });
  if (diagnostics.length > 0) throw new Error(formatDiagnostics(diagnostics));
  return sources;
}

async function link(file) {
  const source = await readFile(file, 'utf8');
  if (!source.includes('ɵɵngDeclare')) return source;
  const plugin = createEs2015LinkerPlugin({
    fileSystem: new NodeJSFileSystem(),
    logger: new ConsoleLogger(LogLevel.warn),
    linkerJitMode: false,
  });
  const { code } = await transformAsync(source, { filename: file, plugins: [plugin], babelrc: false, configFile: false, compact: false });
  return code;
}
