/**
 * Starts and stops Quiver for a torture: the real command line, on either runtime, like a person.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const SERVER = join(ROOT, 'packages', 'server');
const COMMANDS = {
  bun: [join(ROOT, 'node_modules', '.bin', 'bun'), join(SERVER, 'src', 'main.ts')],
  node: [process.execPath, join(SERVER, 'dist', 'main.js')],
};
const START_TIMEOUT = 60_000;

export const RUNTIMES = ['bun', 'node'];

/**
 * Imports a module of the server as built for Node: `built('storage/lmdb/open-lmdb-stores.js')`.
 */
export function built(path) {
  return import(pathToFileURL(join(SERVER, 'dist', path)).href);
}

/** A package that the server uses in its tests. */
export const packageOfServer = createRequire(join(SERVER, 'package.json'));

const running = new Set();
const folders = new Set();
// However a torture ends, no process and no folder may outlive it.
process.on('exit', () => {
  for (const pid of running) killTree(pid);
});

/** A fresh folder, removed by {@link removeFolders}. */
export async function makeFolder(name) {
  const folder = await mkdtemp(join(tmpdir(), `quiver-torture-${name}-`));
  folders.add(folder);
  return folder;
}

export async function removeFolders() {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  folders.clear();
}

/** The environment in which a process loads the module with the sabotage before anything else. */
export function sabotageEnv(sabotage) {
  if (sabotage === undefined) return {};
  const file = join(HERE, 'sabotage', `${sabotage}.mjs`);
  return { NODE_OPTIONS: `--import ${pathToFileURL(file).href}`, BUN_OPTIONS: `--preload ${file}` };
}

function launch(runtime, args, { env = {}, sabotage } = {}) {
  const [command, main] = COMMANDS[runtime];
  const inherited = Object.entries(process.env).filter(([name]) => !/^(QUIVER_|VITEST|NODE_ENV)/.test(name));
  const child = spawn(command, [main, ...args], {
    env: { ...Object.fromEntries(inherited), ...sabotageEnv(sabotage), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  running.add(pid);
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      printed[name] = (printed[name] + text).slice(-100_000);
    });
  }
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(pid);
      resolve({ code, signal, ...printed });
    });
  });
  return { child, pid, printed, ended };
}

/** Runs a command line to its end. */
export async function runQuiver(runtime, args, options) {
  return launch(runtime, args, options).ended;
}

/**
 * Starts `quiver serve` and returns when it serves.
 *
 * @param options `runtime`, `dataDir`, `flags`, `env`, `sabotage`
 */
export async function startQuiver({ runtime, dataDir, flags = [], env = {}, sabotage }) {
  const args = ['serve', '--port', '0', '--data', dataDir, '--log-level', 'error', ...flags];
  const process_ = launch(runtime, args, { env, sabotage });
  const url = await bannerUrl(process_);
  return {
    url,
    /** Of the supervisor. */
    pid: process_.pid,
    runtime,
    dataDir,
    printed: process_.printed,
    ended: process_.ended,
    terminate: () => process_.child.kill('SIGTERM'),
    /** SIGKILL to all its processes at once; returns when they have ended. */
    async kill() {
      killTree(process_.pid);
      await process_.ended;
    },
    /** SIGTERM; returns how it ended and after how many milliseconds. */
    async stop() {
      const started = performance.now();
      process_.child.kill('SIGTERM');
      return { ...(await process_.ended), ms: performance.now() - started };
    },
  };
}

async function bannerUrl({ printed, ended, pid }) {
  const deadline = performance.now() + START_TIMEOUT;
  let end;
  ended.then((how) => {
    end = how;
  });
  for (;;) {
    const url = /^API +(\S+)\n(?:.*\n)*Store/m.exec(printed.stdout)?.[1];
    if (url !== undefined) return url;
    if (end || performance.now() > deadline) {
      killTree(pid);
      throw new Error(`Quiver did not start:\n${printed.stdout}${printed.stderr}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The process ids of the children of a process. */
export function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Kills a process and its children, the supervisor first so that it replaces none. */
function killTree(pid) {
  let children = [];
  try {
    children = childrenOf(pid);
  } catch {
    // It has ended, and its children notice that themselves.
  }
  for (const one of [pid, ...children]) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}
