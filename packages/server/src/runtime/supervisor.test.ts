import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FromWorker, ToWorker } from './messages.ts';
import { type Ending, listenProblem, supervise } from './supervisor.ts';

interface Assignment {
  readonly place: number;
}

/** A worker process that does what the test says. */
class FakeChild extends EventEmitter {
  readonly pid: number;
  connected = true;
  readonly heard: ToWorker<Assignment>[] = [];
  readonly kills: string[] = [];
  /** How many beats it has heard; it answers each while it is not stopped. */
  beats = 0;
  isStopped = false;

  constructor(pid: number) {
    super();
    this.pid = pid;
  }
  send(message: ToWorker<Assignment>): void {
    if (message.type !== 'beat') this.heard.push(message);
    else {
      this.beats += 1;
      if (!this.isStopped) this.say({ type: 'beat' });
    }
  }
  kill(signal: string): void {
    this.kills.push(signal);
    this.exit(null, signal);
  }
  say(message: FromWorker): void {
    this.emit('message', message);
  }
  exit(code: number | null, signal: string | null = null): void {
    this.connected = false;
    this.emit('exit', code, signal);
  }
  serve(): void {
    this.say({ type: 'hello' });
    this.say({ type: 'ready' });
  }
}

let children: FakeChild[];
let served: number[];
let logged: string[];
let ending: Promise<Ending>;
let lastPid = 0;

async function begin(workers: number, writerLockFile?: string): Promise<void> {
  children = [];
  served = [];
  logged = [];
  ending = supervise<Assignment>({
    runtime: {
      name: 'node',
      sharesPort: true,
      listen: () => Promise.reject(new Error('a supervisor does not listen')),
      startWorker() {
        lastPid += 1;
        const child = new FakeChild(lastPid);
        children.push(child);
        return child as unknown as ChildProcess;
      },
    },
    workers,
    host: '127.0.0.1',
    port: 0,
    log: pino({ level: 'error' }, { write: (line) => void logged.push(line) }),
    assignmentFor: (place) => ({ place }),
    reportOf: (about, restarts) => (about === 'restarts' ? restarts : undefined),
    onServing: (port) => served.push(port),
    ...(writerLockFile !== undefined && { writerLockFile }),
  });
  // Proving the port free takes the kernel's time, so fake timers do not help.
  while (children.length < workers) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});
const signal = () => process.emit('SIGTERM', 'SIGTERM');

async function stopAll(): Promise<Ending> {
  signal();
  for (const child of children) if (child.connected) child.exit(0);
  return ending;
}

describe('while starting', () => {
  test('each worker gets its task after its hello, and the server serves when all are ready', async () => {
    await begin(2);
    const [one, two] = children as [FakeChild, FakeChild];
    expect(one.heard).toEqual([]);
    one.serve();
    expect(one.heard).toEqual([{ type: 'start', assignment: { place: 0 } }]);
    expect(served).toEqual([]);
    two.serve();
    expect(two.heard).toEqual([{ type: 'start', assignment: { place: 1 } }]);
    expect(served).toEqual([expect.any(Number)]);
    expect(served[0]).toBeGreaterThan(0);
    expect(await stopAll()).toEqual({ exitCode: 0 });
  });

  test('a worker that reports why it cannot start ends the server with its reason and exit code', async () => {
    await begin(2);
    const [one, two] = children as [FakeChild, FakeChild];
    one.serve();
    two.say({ type: 'hello' });
    two.say({ type: 'failed', reason: 'the format is newer', exitCode: 6 });
    two.exit(6);
    expect(one.heard.at(-1)).toEqual({ type: 'shutdown' });
    one.exit(0);
    expect(await ending).toEqual({ exitCode: 6, reason: 'the format is newer' });
    expect(served).toEqual([]);
  });

  test('the server gives up after the fifth worker that dies silently', async () => {
    await begin(1);
    for (let death = 1; death <= 5; death += 1) {
      expect(children).toHaveLength(death);
      children.at(-1)!.exit(null, 'SIGKILL');
      await vi.advanceTimersByTimeAsync(5000);
    }
    expect(children).toHaveLength(5);
    const reason = '5 workers died before they could serve, the last with SIGKILL';
    expect(await ending).toEqual({ exitCode: 1, reason });
  });

  test('the server gives up after the first worker that crashes, because the next would crash too', async () => {
    await begin(2);
    children[0]!.exit(null, 'SIGSEGV');
    expect(children[1]!.heard.at(-1)).toEqual({ type: 'shutdown' });
    children[1]!.exit(null, 'SIGSEGV');
    expect(await ending).toEqual({
      exitCode: 1,
      reason: 'a worker crashed before it could serve (SIGSEGV)',
    });
    expect(children).toHaveLength(2);
  });
});

describe('while serving', () => {
  test('a dead worker is replaced under its number: at once the first time, later after growing pauses', async () => {
    await begin(2);
    for (const child of children) child.serve();
    const pauses: number[] = [];
    for (let death = 0; death < 9; death += 1) {
      const count = children.length;
      children.at(-1)!.exit(null, 'SIGKILL');
      const before = Date.now();
      while (children.length === count) await vi.advanceTimersByTimeAsync(1);
      pauses.push(Date.now() - before);
      children.at(-1)!.serve();
      expect(children.at(-1)!.heard[0]).toEqual({ type: 'start', assignment: { place: 1 } });
    }
    expect(pauses[0]).toBeLessThanOrEqual(1);
    expect(pauses.slice(1)).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    expect(served).toHaveLength(1);
    expect(await stopAll()).toEqual({ exitCode: 0 });
  });

  test('a worker that lived for long is replaced at once again', async () => {
    await begin(1);
    for (let life = 0; life < 4; life += 1) {
      children.at(-1)!.serve();
      await vi.advanceTimersByTimeAsync(20_000);
      children.at(-1)!.exit(1);
      await vi.advanceTimersByTimeAsync(0);
      expect(children).toHaveLength(life + 2);
    }
    expect(await stopAll()).toEqual({ exitCode: 0 });
  });

  test.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'only a worker that holds the writer lock in the same transaction all the time is killed',
    async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
      const folder = await mkdtemp(join(tmpdir(), 'quiver-holder-'));
      // A process counts as the holder only if it has mapped a file of this name; a library that
      // both processes below have mapped stands in for it.
      const mapped = (pid: number) =>
        readFileSync(`/proc/${pid}/maps`, 'utf8').match(/(?<=\/)[^/\n]+\.so[^/\n]*$/gm)!;
      const ofParent = mapped(process.ppid);
      const lockFile = join(folder, mapped(process.pid).find((name) => ofParent.includes(name))!);
      const hold = (thread: number, lastCommit: bigint) => {
        const bytes = Buffer.alloc(256);
        bytes.writeUInt32LE(0xbeefc0de, 0);
        bytes.writeBigUInt64LE(lastCommit, 8);
        bytes.writeUInt32LE(thread | 0x4000_0000, 64);
        return writeFile(lockFile, bytes);
      };
      let looks = 0;
      const stall = async () => {
        children[0]!.say({ type: 'store-stalled' });
        children[0]!.say({ type: 'store-stalled' });
        // Reading the file and the process takes turns of the real event loop; a log line marks the
        // end.
        looks += 1;
        const lines = () => logged.filter((line) => line.includes('writes are blocked by a process')).length;
        while (lines() < looks) await new Promise((resolve) => setImmediate(resolve));
        await vi.advanceTimersByTimeAsync(5000);
      };
      try {
        // The second worker's process id must be that of an existing process.
        lastPid = process.pid - 2;
        await begin(2, lockFile);
        for (const child of children) child.serve();
        const [other, holder] = children as [FakeChild, FakeChild];
        expect(holder.pid).toBe(process.pid);
        await hold(process.pid, 7n);
        await stall();
        await hold(process.pid, 8n);
        await stall();
        await hold(process.ppid, 8n);
        await stall();
        await stall();
        await hold(process.pid, 8n);
        await stall();
        expect(holder.kills).toEqual([]);
        await stall();
        expect([other.kills, holder.kills]).toEqual([[], ['SIGKILL']]);
        await vi.waitFor(() => expect(children).toHaveLength(3));
        await stopAll();
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  test('a worker that must stop using the store ends the whole server with its reason', async () => {
    await begin(2);
    for (const child of children) child.serve();
    for (const child of children) child.say({ type: 'store-lost', reason: 'the lock file is gone' });
    for (const child of children) {
      expect(child.heard.at(-1)).toEqual({ type: 'shutdown' });
      child.exit(0);
    }
    expect(await ending).toEqual({ exitCode: 1, reason: 'the lock file is gone' });
    expect(children).toHaveLength(2);
  });

  test('a question to all workers collects the report of each, whoever asks', async () => {
    await begin(2);
    for (const child of children) child.serve();
    const [one, two] = children as [FakeChild, FakeChild];
    one.say({ type: 'ask-all', question: 7, about: 'weather', query: 'here' });
    for (const [child, report] of [
      [one, 'rain'],
      [two, ['sun']],
    ] as const) {
      expect(child.heard.at(-1)).toEqual({ type: 'report', round: 1, about: 'weather', query: 'here' });
      child.say({ type: 'report', round: 1, report });
    }
    expect(one.heard.at(-1)).toEqual({ type: 'all-reports', question: 7, reports: ['rain', ['sun']] });
    await stopAll();
  });

  test('the supervisor adds its own report with the number of replaced workers', async () => {
    await begin(2);
    for (const child of children) child.serve();
    const [one, two] = children as [FakeChild, FakeChild];
    two.exit(null, 'SIGKILL');
    await vi.advanceTimersByTimeAsync(1);
    children[2]!.serve();
    for (const about of ['restarts', 'weather']) {
      one.say({ type: 'ask-all', question: 1, about, query: '' });
      const { round } = one.heard.at(-1) as { round: number };
      for (const child of [one, children[2]!]) child.say({ type: 'report', round, report: 'sun' });
      const own = about === 'restarts' ? [1] : [];
      expect(one.heard.at(-1)).toMatchObject({ type: 'all-reports', reports: ['sun', 'sun', ...own] });
    }
    await stopAll();
  });

  test('incomplete reports are discarded, and a dead worker is not waited for', async () => {
    await begin(2);
    for (const child of children) child.serve();
    const [one, two] = children as [FakeChild, FakeChild];
    one.say({ type: 'ask-all', question: 1, about: 'weather', query: '' });
    one.say({ type: 'report', round: 1, report: [] });
    await vi.advanceTimersByTimeAsync(3000);
    expect(one.heard.at(-1)).toEqual({ type: 'all-reports', question: 1, reports: undefined });
    one.say({ type: 'ask-all', question: 2, about: 'weather', query: '' });
    one.say({ type: 'report', round: 2, report: 'fog' });
    two.exit(null, 'SIGKILL');
    expect(one.heard.at(-1)).toEqual({ type: 'all-reports', question: 2, reports: ['fog'] });
    await stopAll();
  });
});

describe('a worker that does not respond', () => {
  const beats = async (count: number) => {
    for (let n = 0; n < count; n += 1) await vi.advanceTimersByTimeAsync(1000);
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  });

  test('is killed after ten heartbeats without an answer, named in the log, and replaced', async () => {
    await begin(2);
    for (const child of children) child.serve();
    const [one, two] = children as [FakeChild, FakeChild];
    await beats(20);
    two.isStopped = true;
    await beats(10);
    expect([one.kills, two.kills]).toEqual([[], []]);
    await beats(1);
    expect([one.kills, two.kills]).toEqual([[], ['SIGKILL']]);
    expect(JSON.parse(logged[0]!)).toMatchObject({
      ...{ worker: 1, pid: two.pid, missedHeartbeats: 10 },
      msg: 'killing a worker that does not respond',
    });
    await beats(1);
    expect(children).toHaveLength(3);
    children[2]!.serve();
    await beats(20);
    expect(children).toHaveLength(3);
    await stopAll();
  });

  test('is left alone when any message from it arrived in time', async () => {
    await begin(1);
    const [child] = children as [FakeChild];
    child.serve();
    child.isStopped = true;
    await beats(9);
    child.say({ type: 'store-stalled' });
    await beats(10);
    expect(child.kills).toEqual([]);
    await stopAll();
  });

  test('is not blamed for time in which the supervisor was suspended', async () => {
    await begin(1);
    const [child] = children as [FakeChild];
    child.serve();
    child.isStopped = true;
    await beats(5);
    // The clock moves on by an hour, and no timer of the supervisor has run meanwhile.
    vi.setSystemTime(Date.now() + 3_600_000);
    await beats(4);
    child.isStopped = false;
    await beats(20);
    expect(child.kills).toEqual([]);
    await stopAll();
  });

  test('is not killed before it is ready, because opening a store may take long, nor while it drains', async () => {
    await begin(2);
    for (const child of children) child.isStopped = true;
    await beats(20);
    for (const child of children) child.serve();
    await beats(9);
    signal();
    await beats(5);
    expect(children.map(({ kills }) => kills)).toEqual([[], []]);
    for (const child of children) child.exit(0);
    expect(await ending).toEqual({ exitCode: 0 });
  });
});

describe('while stopping', () => {
  test('each worker is told to drain, and none is replaced', async () => {
    await begin(2);
    for (const child of children) child.serve();
    signal();
    for (const child of children) {
      expect(child.heard.at(-1)).toEqual({ type: 'shutdown' });
      child.exit(0);
    }
    expect(await ending).toEqual({ exitCode: 0 });
    expect(children).toHaveLength(2);
  });

  test('a worker that ended badly shows in the exit code', async () => {
    await begin(2);
    for (const child of children) child.serve();
    signal();
    children[0]!.exit(0);
    children[1]!.exit(1);
    expect(await ending).toEqual({ exitCode: 1 });
  });

  test('a worker without a task is told to end instead', async () => {
    await begin(1);
    signal();
    children[0]!.say({ type: 'hello' });
    expect(children[0]!.heard).not.toContainEqual(expect.objectContaining({ type: 'start' }));
    children[0]!.exit(0);
    expect(await ending).toEqual({ exitCode: 0 });
  });

  test('a hanging worker is killed by the watchdog', async () => {
    await begin(1);
    children[0]!.serve();
    signal();
    await vi.advanceTimersByTimeAsync(10_900);
    expect(children[0]!.kills).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(children[0]!.kills).toEqual(['SIGKILL']);
    expect(await ending).toEqual({ exitCode: 1 });
  });

  test('one signal received twice at once counts once; a later one kills', async () => {
    await begin(1);
    children[0]!.serve();
    signal();
    signal();
    expect(children[0]!.kills).toEqual([]);
    await vi.advanceTimersByTimeAsync(600);
    signal();
    expect(children[0]!.kills).toEqual(['SIGKILL']);
    expect(await ending).toEqual({ exitCode: 1 });
  });

  test('a signal after the end is ignored, and the exit code stays', async () => {
    await begin(1);
    children[0]!.serve();
    await stopAll();
    const listeners = process.listenerCount('SIGTERM');
    expect(listeners).toBeGreaterThan(0);
    expect(signal()).toBe(true);
    expect(await ending).toEqual({ exitCode: 0 });
    await begin(1);
    children[0]!.serve();
    await stopAll();
    expect(process.listenerCount('SIGTERM')).toBe(listeners);
  });
});

test('a port in use is reported before any worker starts', async () => {
  const other = createServer();
  const port = await new Promise<number>((resolve) => {
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
  });
  const startWorker = () => expect.unreachable();
  const runtime = {
    name: 'node',
    sharesPort: true,
    listen: startWorker,
    startWorker,
    keptHeaders: startWorker,
  } as const;
  const ended = await supervise({
    runtime,
    workers: 1,
    host: '127.0.0.1',
    port,
    log: pino({ level: 'silent' }),
    assignmentFor: () => ({}),
    onServing: () => expect.unreachable(),
  });
  other.close();
  expect(ended).toEqual({
    exitCode: 1,
    reason: expect.stringContaining(`port ${port} on 127.0.0.1 is in use`),
  });
});

test.each([
  ['EACCES', /^port 80 on ::1 needs more rights/],
  ['EADDRNOTAVAIL', /^--host: ::1 is not an address of this machine$/],
  ['ENOTFOUND', /^--host: ::1 is not an address of this machine$/],
  ['EMFILE', /^cannot listen on port 80 of ::1: EMFILE$/],
])('the reason why it cannot listen is explained: %s', (code, line) => {
  expect(listenProblem(Object.assign(new Error(code), { code }), '::1', 80)).toMatch(line);
});
