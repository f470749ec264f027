/**
 * Builds what `quiver-server` ships: the server in a few files, including the parts of other
 * packages that it uses. So an installation consists of Quiver and the embedded engine; decision
 * 0018 has the reasons. The engine's addon and optional packages are not included. A list of the
 * included packages and their licences is shipped beside the code.
 */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { ROOT, SERVER } from './setup.mjs';

const SRC = join(SERVER, 'src');
const DIST = join(SERVER, 'dist');
const OUTSIDE = ['lmdb', 'bun', 'msw'];
/**
 * The files that users can refer to: the command line, and one for each path in `exports` of the
 * package. Then the thread of profile scripts.
 */
const ENTRIES = {
  main: join(SRC, 'main.ts'),
  index: join(SRC, 'index.ts'),
  sandbox: join(SRC, 'sandbox.ts'),
  msw: join(SRC, 'msw.ts'),
  'script-worker': join(SRC, 'scripts', 'script-worker.ts'),
};

/** Bundles into the server's `dist`, which must not contain files of another build. */
export async function bundleServer() {
  const bundle = await rolldown({
    input: ENTRIES,
    platform: 'node',
    external: (id) =>
      id.startsWith('node:') || OUTSIDE.some((name) => id === name || id.startsWith(`${name}/`)),
    onLog(level, log) {
      if (level === 'warn') process.stderr.write(`${log.message}\n`);
    },
  });
  // All files in one folder: `package-folder.ts` finds the package from any of them.
  const { output } = await bundle.write({
    dir: DIST,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    sourcemap: false,
    // Functions keep their names, for stack traces; the licences are in a separate file.
    minify: {
      compress: { keepNames: { function: true, class: true } },
      mangle: true,
      codegen: { removeWhitespace: true },
    },
    comments: { legal: false },
    keepNames: true,
  });
  await bundle.close();
  writeParts(output.flatMap((chunk) => chunk.moduleIds ?? []));
  writeTypes();
}

/**
 * Writes which packages are in the bundle: `dist/bundled.json` for programs, `dist/LICENSES.txt`
 * for people.
 */
function writeParts(modules) {
  const folders = new Set(modules.map(packageFolder).filter((folder) => folder !== undefined));
  const parts = [...folders]
    .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
    .sort((a, b) => a.name.localeCompare(b.name));
  const listed = parts.map(({ name, version, license }) => ({ name, version, license }));
  writeFileSync(join(DIST, 'bundled.json'), `${JSON.stringify(listed, undefined, 2)}\n`);
  const licences = parts.map(({ folder, name, version, license }) => {
    const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  const head = 'Quiver holds parts of these packages, each under its own licence.\n\n';
  writeFileSync(join(DIST, 'LICENSES.txt'), head + licences.join(`\n${'-'.repeat(80)}\n\n`));
}

/**
 * The package of a module outside the checkout; undefined for modules of Quiver and of the bundler.
 */
function packageFolder(id) {
  const place = id.lastIndexOf('/node_modules/');
  if (place === -1) return undefined;
  const [scope, name] = id.slice(place + '/node_modules/'.length).split('/');
  return join(id.slice(0, place), 'node_modules', scope, scope.startsWith('@') ? name : '');
}

/** The types of the entries, and of everything they refer to. */
function writeTypes() {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-types-'));
  try {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const args = ['-p', 'tsconfig.build.json', '--declaration', '--emitDeclarationOnly', '--outDir', folder];
    execFileSync(process.execPath, [compiler, ...args], { cwd: SERVER, stdio: [0, 2, 2] });
    const done = new Set();
    const copy = (file) => {
      if (done.has(file) || !existsSync(file)) return;
      done.add(file);
      const text = readFileSync(file, 'utf8').replaceAll(/(from '\.[^']*)\.ts'/g, "$1.js'");
      const target = join(DIST, relative(folder, file));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
      for (const [, path] of text.matchAll(/from '(\.[^']*)\.js'/g))
        copy(join(dirname(file), `${path}.d.ts`));
    };
    for (const source of Object.values(ENTRIES))
      copy(join(folder, relative(SRC, source).replace(/\.ts$/, '.d.ts')));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
