/**
 * Makes a checkout ready to run: packages, the Bun binary, the built files for Node. Needs only
 * Node and npm, does only what has not been done yet, and downloads only from the package registry.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const SERVER = join(ROOT, 'packages', 'server');
export const CLIENT = join(ROOT, 'packages', 'client');
const CONSOLE = join(ROOT, 'packages', 'console');
const BUN_PACKAGE = join(ROOT, 'node_modules', 'bun');

/**
 * The path of Bun if it can run here, otherwise undefined. The binary itself, so that no shell is
 * needed on Windows.
 */
export function bunPath() {
  const path = join(BUN_PACKAGE, 'bin', 'bun.exe');
  return runs(path) ? path : undefined;
}

/**
 * Installs the packages if they differ from the lock file, puts the Bun binary in place, and builds
 * the client package, which server and console import.
 */
export function installPackages() {
  if (!hasLockedPackages()) {
    say('installing packages, which takes a while the first time');
    // This process waits for npm, so another one reports the progress.
    const progress = spawn(process.execPath, [join(ROOT, 'scripts', 'install-progress.mjs')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    try {
      // Not `npm ci`, which first removes everything that is installed. This installs the locked
      // versions too.
      npm('install', '--no-save', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error');
    } finally {
      progress.kill();
    }
  }
  // With install scripts disabled, the package contains a placeholder; its own script replaces it
  // with the real binary.
  if (!bunPath() && existsSync(join(BUN_PACKAGE, 'install.js'))) {
    say('putting Bun in place');
    spawnSync(process.execPath, [join(BUN_PACKAGE, 'install.js')], { cwd: BUN_PACKAGE, stdio: 'ignore' });
  }
  compile('the client', CLIENT);
}

/**
 * Prepares what is needed to serve, and returns the program and the file that it runs. Bun by
 * default, Node where Bun cannot run or with `QUIVER_RUNTIME=node`.
 */
export function serverCommand() {
  installPackages();
  const bun = process.env.QUIVER_RUNTIME === 'node' ? undefined : bunPath();
  if (!bun) buildForNode();
  buildConsole();
  return bun ? [bun, join(SERVER, 'src', 'main.ts')] : [process.execPath, join(SERVER, 'dist', 'main.js')];
}

/**
 * Compiles the server for Node if its sources are newer than the last build, after the client,
 * whose types it needs.
 */
export function buildForNode() {
  compile('the client', CLIENT);
  compile('the server for Node', SERVER);
}

/** Compiles a package into its `dist` if its sources are newer than the last build. */
function compile(what, folder) {
  const stamp = join(folder, 'dist', '.built');
  const configs = [join(ROOT, 'tsconfig.base.json'), ...CONFIGS.map((name) => join(folder, name))];
  if (modifiedAt(stamp) >= Math.max(newestIn(join(folder, 'src')), ...configs.map(modifiedAt))) return;
  say(`building ${what}`);
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: folder, stdio: [0, 2, 2] });
  writeFileSync(stamp, '');
}

const CONFIGS = ['package.json', 'tsconfig.json', 'tsconfig.build.json'];

/**
 * Builds the console if its sources are newer than the last build, after the client, which it
 * includes in compiled form.
 */
export function buildConsole() {
  compile('the client', CLIENT);
  const built = join(SERVER, 'dist', 'console', 'index.html');
  const files = ['index.html', 'docs.html', 'package.json', 'vite.config.ts'].map((name) =>
    join(CONSOLE, name),
  );
  const newest = Math.max(
    newestIn(join(CONSOLE, 'src')),
    newestIn(join(CONSOLE, 'public')),
    // The rules that the console shares with the server.
    newestIn(join(SERVER, 'src', 'domain')),
    modifiedAt(join(SERVER, 'src', 'batches', 'column-name.ts')),
    modifiedAt(join(SERVER, 'src', 'batches', 'batch-text.ts')),
    newestIn(join(CLIENT, 'src')),
    ...files.map(modifiedAt),
  );
  if (modifiedAt(built) >= newest) return;
  say('building the console');
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  execFileSync(process.execPath, [vite, 'build', '--logLevel', 'error'], {
    cwd: CONSOLE,
    stdio: ['ignore', 2, 2],
  });
}

/** Programs that tests need besides Node and npm, with the Debian package of each. */
const TEST_PROGRAMS = {
  chromium: 'chromium',
  curl: 'curl',
  javac: 'default-jdk-headless',
  nginx: 'nginx-light',
  python3: 'python3-minimal',
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
  strace: 'strace',
};

/**
 * Installs what tests need from Debian, where that is allowed. A suite without its program says so
 * and is skipped.
 */
export function installTestPrograms() {
  const missing = Object.keys(TEST_PROGRAMS).filter((program) => !isOnPath(program));
  if (missing.length === 0 || process.getuid?.() !== 0 || !isOnPath('apt-get')) return;
  const packages = missing.map((program) => TEST_PROGRAMS[program]);
  say(`installing ${packages.join(', ')}`);
  const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], options).status === 0;
  // The package lists of a new machine may be missing or old.
  if (!install() && spawnSync('apt-get', ['update'], options).status === 0) install();
}

function isOnPath(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

/**
 * Whether the installed packages have the versions of the lock file. It reads the packages
 * themselves, because times and npm's own list change when a folder is copied or another commit is
 * checked out.
 */
function hasLockedPackages() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).every(([path, { version, link, optional, devOptional, peer }]) => {
    if (link || !path.includes('node_modules/')) return true;
    const manifest = join(ROOT, path, 'package.json');
    // Packages for other platforms are not installed here.
    if (!existsSync(manifest)) return Boolean(optional || devOptional || peer);
    return JSON.parse(readFileSync(manifest, 'utf8')).version === version;
  });
}

/** Runs npm with the arguments, output on stderr; throws when it fails. */
function npm(...args) {
  const command = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' };
  execFileSync(command, args, options);
}

function runs(path) {
  return existsSync(path) && spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0;
}

function modifiedAt(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newestIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Math.max(
    0,
    ...entries
      .filter((entry) => entry.isFile())
      .map((entry) => modifiedAt(join(entry.parentPath, entry.name))),
  );
}

function say(what) {
  process.stderr.write(`quiver: ${what}\n`);
}
