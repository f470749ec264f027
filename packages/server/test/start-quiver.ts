/** Starts Quiver for a test as a person would: the command line, a free port, a new data folder. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type RuntimeName = 'bun' | 'node';

/** Bun runs the sources, Node what was built of them (`npm test` builds first). */
export const RUNTIME_COMMANDS: Readonly<Record<RuntimeName, readonly [string, string]>> = {
  bun: [pathOf('../../../node_modules/.bin/bun'), pathOf('../src/main.ts')],
  node: [process.execPath, pathOf('../dist/main.js')],
};
const START_TIMEOUT_MS = 120_000;

export interface QuiverOptions {
  /** Bun by default. */
  readonly runtime?: RuntimeName;
  /** Flags besides `--port 0` and `--data`; a flag given here wins. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The data folder, which is kept afterwards; by default a new one, removed at the end. */
  readonly dataDir?: string;
  /** The user that it runs as, by default the one of this process; only root can choose another. */
  readonly uid?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Quiver {
  readonly url: string;
  readonly adminToken: string;
  /** The supervising process. */
  readonly pid: number;
  readonly dataDir: string;
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
  /** The process ids of the serving workers. */
  workers(): Promise<number[]>;
  /** The process id of the background worker. */
  background(): Promise<number>;
  readonly ended: Promise<Ended>;
  /** SIGTERM; returns how it ended. Removes the data folder if it was made here. */
  stop(): Promise<Ended>;
  /** SIGKILL to it and its workers. */
  kill(): Promise<void>;
}

/** Runs a command line to its end. */
export async function runQuiver(
  args: readonly string[],
  { runtime = 'bun', env = {}, uid }: Pick<QuiverOptions, 'runtime' | 'env' | 'uid'> = {},
): Promise<Ended & { stdout: string; stderr: string }> {
  const running = launch(runtime, args, env, uid);
  return { ...(await running.ended), stdout: running.stdout(), stderr: running.stderr() };
}

/**
 * Starts `quiver serve` and waits until it serves.
 *
 * @throws Error with everything it printed when it ends before
 */
export async function startQuiver(options: QuiverOptions = {}): Promise<Quiver> {
  const { runtime = 'bun', flags = [], env = {} } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'quiver-e2e-')));
  const args = ['serve', '--port', '0', '--data', dataDir, ...flags];
  const running = launch(runtime, args, env);
  const pid = running.child.pid ?? 0;
  const clean = async () => {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  let url: string;
  try {
    url = await bannerUrl(running);
  } catch (error) {
    await killAll(pid);
    await clean();
    throw error;
  }
  const fromEnv = env.QUIVER_ADMIN_TOKEN;
  const adminToken = fromEnv ?? (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
  return {
    url,
    adminToken,
    pid,
    dataDir,
    stdout: running.stdout,
    stderr: running.stderr,
    workers: () => workersOf(pid, 'serving'),
    background: async () => (await workersOf(pid, 'background'))[0]!,
    ended: running.ended,
    async stop() {
      running.child.kill('SIGTERM');
      const ended = await running.ended;
      await clean();
      return ended;
    },
    async kill() {
      await killAll(pid);
      await running.ended;
      await clean();
    },
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  /** Calls the listener whenever something is printed. */
  onOutput(listener: () => void): void;
}

function launch(
  runtime: RuntimeName,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  uid?: number,
): Running {
  const [command, main] = RUNTIME_COMMANDS[runtime];
  const inherited = Object.entries(process.env).filter(([name]) => !/^(QUIVER_|VITEST|NODE_ENV)/.test(name));
  const child = spawn(command, [main, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let stdout = '';
  let stderr = '';
  const listeners: (() => void)[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    onOutput: (listener) => void listeners.push(listener),
  };
}

async function bannerUrl(running: Running): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`Quiver ${why}:\n${running.stdout()}${running.stderr()}`));
    const timer = setTimeout(() => fail('did not serve in time'), START_TIMEOUT_MS);
    const look = () => {
      // The rest of the banner is printed when the line after the URL is.
      const url = /^API +(\S+)\n(?:.*\n)*Store/m.exec(running.stdout())?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    };
    running.onOutput(look);
    running.ended.then(({ code }) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    }, reject);
    look();
  });
}

/** The children of a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return list.split(' ').filter(Boolean).map(Number);
}

/** The workers of a role, which is in their command lines. */
async function workersOf(pid: number, role: string): Promise<number[]> {
  const found: number[] = [];
  for (const child of await childrenOf(pid)) {
    const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
    if (command.split('\0').includes(role)) found.push(child);
  }
  return found;
}

async function killAll(pid: number): Promise<void> {
  for (const one of [pid, ...(await childrenOf(pid))]) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
