/**
 * The first minute of a new user: signals, mistakes on the command line, pipes, the address without
 * a path.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePorts } from './free-ports.ts';
import { type RuntimeName, runQuiver, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-minute-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Program {
  readonly child: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
}

/** Starts a program of the checkout; it and its children are ended when the test is over. */
function launch(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return { child, output: () => output, ended };
}

/** The processes with `mark` in their environment, which only those of one test have. */
async function processesOf(mark: string): Promise<number[]> {
  const { readdir } = await import('node:fs/promises');
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of all) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.includes(`QUIVER_TEST_MARK=${mark}`)) found.push(pid);
  }
  return found;
}

/** Ends processes that a test has left behind, by their ids. */
function endAtLast(mark: string): void {
  onTestFinished(async () => {
    for (const pid of await processesOf(mark)) process.kill(pid, 'SIGKILL');
  });
}

describe.each<RuntimeName>(['bun', 'node'])('the first minute with Quiver on %s', (runtime) => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s stops a server cleanly', async (signal) => {
    const quiver = await startQuiver({ runtime, flags: ['--workers', '1'] });
    process.kill(quiver.pid, signal);
    expect(await quiver.ended).toEqual({ code: 0, signal: null });
    await quiver.stop();
  });

  test.each<[what: string, args: string[], says: string]>([
    ['a command', ['serv'], "unknown command 'serv' (Did you mean serve?)"],
    ['a flag', ['serve', '--prot', '9000'], "unknown option '--prot' (Did you mean --port?)"],
    ['a part of a command', ['batch', 'stats'], "unknown command 'stats' (Did you mean status?)"],
  ])('%s that is not known gets a suggestion', async (_, args, says) => {
    const ended = await runQuiver(args, { runtime });
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: `quiver: ${says}\n` });
  });

  test.each<[what: string, args: () => string[], code: number, says: RegExp]>([
    [
      'a data folder that is a file',
      () => ['serve', '--port', '0', '--data', join(folder, 'a-file')],
      2,
      /^quiver: --data: cannot mkdir \S+a-file: it is a file, not a folder \(EEXIST\)\n$/,
    ],
    [
      'a data folder below a file',
      () => ['serve', '--port', '0', '--data', join(folder, 'a-file', 'data')],
      2,
      /^quiver: --data: cannot mkdir \S+a-file\/data: a part of the path is not a folder \(ENOTDIR\)\n$/,
    ],
    [
      'an address of another machine',
      () => ['serve', '--port', '0', '--host', '203.0.113.7', '--data', join(folder, 'unused')],
      1,
      /^quiver: --host: 203\.0\.113\.7 is not an address of this machine\n$/,
    ],
    [
      'an address that is none',
      () => ['serve', '--port', '0', '--host', '1.2.3.4.5', '--data', join(folder, 'unused')],
      1,
      /^quiver: --host: 1\.2\.3\.4\.5 is not an address of this machine\n$/,
    ],
    [
      'a folder as file',
      () => ['batch', 'failures', 'demo-1-2', '--file', folder, '--url', 'http://127.0.0.1:1'],
      4,
      /^quiver: cannot reach http:\/\/127\.0\.0\.1:1: \S.*\n$/,
    ],
  ])('%s is reported in one line that names it, without a stack trace', async (_, args, code, says) => {
    await writeFile(join(folder, 'a-file'), '');
    const ended = await runQuiver(args(), { runtime });
    expect(ended.stderr).toMatch(says);
    expect(ended).toMatchObject({ code, stdout: '' });
  });

  test('a sandbox that cannot use its port or its folder says so in one line', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await until('the port is taken', async () => other.listening);
    const { port } = other.address() as AddressInfo;
    expect(await runQuiver(['sandbox', '--port', `${port}`], { runtime })).toMatchObject({
      code: 1,
      stderr: `quiver: port ${port} on 127.0.0.1 is in use by another program; choose another with --port\n`,
    });
    const env = { TMPDIR: join(folder, 'missing') };
    const ended = await runQuiver(['sandbox', '--port', '0'], { runtime, env });
    expect(ended.stderr).toMatch(
      /^quiver: TMPDIR: cannot mkdtemp \S+missing\S+: no such file or folder \(ENOENT\)\n$/,
    );
    expect(ended).toMatchObject({ code: 2, stdout: '' });
  });

  test('output that nobody reads ends a command quietly', async () => {
    const quiver = await startQuiver({ runtime, flags: ['--workers', '1', '--log-level', 'silent'] });
    onTestFinished(() => void quiver.stop());
    const [command, main] =
      runtime === 'bun'
        ? [join(ROOT, 'node_modules/bun/bin/bun.exe'), join(ROOT, 'packages/server/src/main.ts')]
        : [process.execPath, join(ROOT, 'packages/server/dist/main.js')];
    // The shell's `true` reads nothing, so the command writes into a closed pipe.
    const line = `("${command}" "${main}" completion bash; echo "exit code $?" >&2) | (exec 0<&-; sleep 1)`;
    const shell = launch('sh', ['-c', line]);
    await shell.ended;
    expect(shell.output()).toBe('exit code 0\n');

    const full = launch('sh', ['-c', `"${command}" "${main}" completion bash > /dev/full`]);
    expect(await full.ended).toBe(1);
    expect(full.output()).toBe('quiver: cannot write the output: the disk is full (ENOSPC)\n');
  });
});

test('the address without a path sends a browser to the console, and tells a program what this is', async () => {
  const quiver = await startQuiver({ flags: ['--workers', '1'] });
  onTestFinished(() => void quiver.stop());
  const browser = await fetch(quiver.url, {
    redirect: 'manual',
    headers: { accept: 'text/html,application/xhtml+xml' },
  });
  expect([browser.status, browser.headers.get('location')]).toEqual([302, '/console/']);
  const program = await fetch(quiver.url);
  expect(program.headers.get('content-type')).toMatch(/^application\/json/);
  expect(await program.json()).toMatchObject({ name: 'quiver', docs: '/docs', console: '/console/' });
});

test('the client commands read nothing that causes a warning at a server', async () => {
  const quiver = await startQuiver({
    flags: ['--workers', '1'],
    env: { QUIVER_URL: 'http://127.0.0.1:1', QUIVER_TOKEN: 'x', QUIVER_TYPO: 'y' },
  });
  await quiver.stop();
  expect(quiver.stderr()).toContain('QUIVER_TYPO');
  expect(quiver.stderr()).not.toMatch(/QUIVER_URL|QUIVER_TOKEN/);
});

test.each(['packages/server/bin/quiver.mjs', 'bin/quiver.mjs', 'scripts/start.mjs'])(
  'an old Node gets one line from %s that says which version is needed',
  async (script) => {
    const pretends = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.18.3' } })`;
    const old = ['--import', `data:text/javascript,${encodeURIComponent(pretends)}`];
    const program = launch(process.execPath, [...old, script, 'serve', '--port', 'none']);
    expect(await program.ended).toBe(1);
    expect(program.output()).toBe('quiver: Node 20.19 or later is needed; this is 20.18.3\n');
  },
);

// Like process 1 of a container: signals reach only it, not its group.
test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s to only the start script stops the server',
  async (signal) => {
    const mark = `start-${signal}`;
    endAtLast(mark);
    const data = join(folder, mark);
    await mkdir(data);
    const args = ['scripts/start.mjs', '--port', '0', '--workers', '1', '--data', data];
    const started = launch(process.execPath, args, { QUIVER_TEST_MARK: mark });
    await until('it serves', async () => started.output().includes('Admin token'));
    started.child.kill(signal);
    expect(await started.ended).toBe(0);
    expect(started.output()).toContain('"msg":"stopped"');
    expect(await processesOf(mark)).toEqual([]);
  },
);

test('SIGTERM to npm run edges leaves nothing running', async () => {
  const mark = 'edges';
  endAtLast(mark);
  const ports = (await freePorts(3)).join(',');
  const args = ['run', 'edges', '--', '--ports', ports, '--data', join(folder, 'edges')];
  const npm = launch('npm', args, { QUIVER_TEST_MARK: mark });
  await until('all three serve', async () => npm.output().includes('Ctrl-C ends all three'));
  expect((await processesOf(mark)).length).toBeGreaterThan(6);
  npm.child.kill('SIGTERM');
  await npm.ended;
  await until('all have ended', async () => (await processesOf(mark)).length === 0);
});
