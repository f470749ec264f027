/**
 * `npm run build:executable`: server, console and command line in one file, by Bun's compiler.
 *
 *   npm run build:executable
 *     for this platform, into dist/quiver
 *   npm run build:executable -- --target linux-arm64 --out q
 *     for another platform, whose engine must be in node_modules, see below
 *
 * The engine's addon of another platform is an optional package that npm leaves out here;
 * `npm install --cpu arm64 --os linux` brings it. Bun downloads its own runtime for another
 * platform.
 */

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildConsole, bunPath, installPackages, ROOT, SERVER } from './setup.mjs';

const HOST = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const { values: options } = parseArgs({
  options: { target: { type: 'string', default: HOST }, out: { type: 'string' } },
});
const [os, cpu] = options.target.split('-');
const out = resolve(options.out ?? join(ROOT, 'dist', os === 'windows' ? 'quiver.exe' : 'quiver'));

/** In the executable, beside its main file. */
const SCRIPT_WORKER = 'script-worker.mjs';

installPackages();
buildConsole();
const bun = bunPath();
if (bun === undefined) {
  process.stderr.write('quiver: Bun cannot run on this machine, and its compiler makes the executable\n');
  process.exit(1);
}
const folder = mkdtempSync(join(ROOT, 'dist-executable-'));
try {
  const entry = join(folder, 'executable.mjs');
  writeFileSync(entry, entryText());
  const worker = join(folder, SCRIPT_WORKER);
  writeFileSync(worker, `import ${JSON.stringify(join(SERVER, 'src', 'scripts', 'script-worker.ts'))};\n`);
  const build = join(folder, 'build.mjs');
  writeFileSync(build, buildText([entry, worker]));
  mkdirSync(dirname(out), { recursive: true });
  const run = spawnSync(bun, [build], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (run.status !== 0) process.exit(1);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${relative(process.cwd(), out)}\n`);

/** The main file: registers the embedded files, then starts Quiver. */
function entryText() {
  const console = join(SERVER, 'dist', 'console');
  const files = readdirSync(console, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const imports = files.map(
    (file, at) => `import file${at} from ${JSON.stringify(file)} with { type: 'file' };`,
  );
  const entries = files.map(
    (file, at) => `[${JSON.stringify(relative(console, file).replaceAll('\\', '/'))}, file${at}]`,
  );
  const { version } = JSON.parse(readFileSync(join(SERVER, 'package.json'), 'utf8'));
  return `${imports.join('\n')}
import { embed } from ${JSON.stringify(join(SERVER, 'src', 'embedded.ts'))};
embed({
  version: ${JSON.stringify(version)},
  consoleFiles: new Map([${entries.join(', ')}]),
  scriptWorker: new URL('./${SCRIPT_WORKER}', import.meta.url),
});
await import(${JSON.stringify(join(SERVER, 'src', 'main.ts'))});
`;
}

/**
 * Bun's side: \`lmdb\` looks for its addon at run time, which the compiler cannot follow, so the
 * path is inserted.
 */
function buildText(entries) {
  const addon = addonPath();
  return `
const result = await Bun.build({
  entrypoints: ${JSON.stringify(entries)},
  minify: { whitespace: true, syntax: true },
  compile: { target: ${JSON.stringify(`bun-${os}-${cpu}`)}, outfile: ${JSON.stringify(out)}, autoloadDotenv: false, autoloadBunfig: false },
  plugins: [{
    name: 'addon of the engine',
    setup(build) {
      build.onLoad({ filter: /[\\\\/]lmdb[\\\\/]native\\.js$/ }, async ({ path }) => {
        const text = await Bun.file(path).text();
        const changed = text
          .replace("import loadNAPI from 'node-gyp-build-optional-packages';", 'import addon from ${JSON.stringify(addon).replaceAll("'", "\\'")};')
          .replace('loadNAPI(dirName)', 'addon');
        if (!changed.includes('nativeAddon = addon')) throw new Error('lmdb loads its addon in another way now');
        return { contents: changed, loader: 'js' };
      });
    },
  }],
});
for (const message of result.logs) console.error(String(message));
if (!result.success) process.exit(1);
`;
}

/** The prebuilt addon for the platform. */
function addonPath() {
  const platform = { windows: 'win32' }[os] ?? os;
  const folder = join(ROOT, 'node_modules', '@lmdb', `lmdb-${platform}-${cpu}`);
  if (!existsSync(folder)) {
    process.stderr.write(
      `quiver: ${relative(ROOT, folder)} is missing. Run: npm install --no-save --os ${platform} --cpu ${cpu}\n`,
    );
    process.exit(1);
  }
  const names = readdirSync(folder);
  const name = names.find((one) => /^node\.napi(\.glibc)?\.node$/.test(one));
  if (name === undefined) throw new Error(`no addon in ${folder}: ${names.join(', ')}`);
  return join(folder, name);
}
