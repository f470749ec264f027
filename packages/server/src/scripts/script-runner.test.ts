import { Worker } from 'node:worker_threads';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { ScriptSet } from './runner-job.ts';
import {
  type DoneJob,
  READY,
  type SentJob,
  type SentScripts,
  type StoppedScript,
} from './script-messages.ts';
import { RUNNER_TIMES, ScriptRunner } from './script-runner.ts';
import { isRead, readSource } from './script-source.ts';
import { startScriptThread } from './script-thread.ts';

const log = pino({ enabled: false });
const runners: ScriptRunner[] = [];

afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.close();
});

/** A runner whose visits wait until their scripts have run, however busy the machine is. */
function aRunner(): ScriptRunner {
  const runner = new ScriptRunner(log, { ...RUNNER_TIMES, suspectMs: 60_000 });
  runners.push(runner);
  return runner;
}

/** Scripts by name. */
function setOf(sources: Readonly<Record<string, string>>, client = 'demo'): ScriptSet {
  const scripts = Object.entries(sources).map(([name, source]) => {
    const read = readSource(source);
    if (!isRead(read)) throw new Error(read.rule);
    return { name, code: read.code };
  });
  return { client, scripts };
}

const JOB = {
  ...{ now: 1_795_477_844_570, seed: 7, attributes: {}, headers: [], customer: [], user: {}, profile: {} },
  ...{ page: '', landing: '', referrer: '', values: {}, locals: {}, prefetched: [] },
  executed: [{ name: 'home', parameters: [] }],
};
const JSON_OF_JOB = JSON.stringify(JOB);

/** Scripts that would hang or end their thread if they were not stopped. */
const HOSTILE = {
  'an endless loop': 'for (;;);',
  'deep recursion': 'return (function f() { return 1 + f(); })();',
  'a hostile regular expression': "return /^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!');",
  'filling memory': "var a = []; for (;;) a.push(new Array(100000).join('x') + a.length);",
  'a large split': "var s = 'x'.repeat(5000000).split(''); return s.length;",
  'deeply nested JSON': "return String(JSON.parse('['.repeat(100000)));",
  'a large sort':
    'var a = []; a.length = 1000000; a.fill(1); a.sort(function (x, y) { return y - x; }); return 1;',
};

describe('scripts in their own thread', () => {
  it('run and return values and locals', async () => {
    const runner = aRunner();
    const set = setOf({
      tier: "return 'gold';",
      count: "user.setLocal('n', 2); return 44;",
      none: 'var a = 1;',
    });
    const { outcome, stopped } = await runner.run(set, JSON_OF_JOB, false);
    expect(stopped).toEqual([]);
    expect(outcome).toMatchObject({
      values: { tier: 'gold', count: 44 },
      locals: { count: { n: 2 } },
      ran: 3,
    });
  });

  for (const [what, source] of Object.entries(HOSTILE)) {
    it(`are stopped without affecting others: ${what}`, async () => {
      const runner = aRunner();
      const good = setOf({ good: "return 'good';" }, 'other');
      await runner.run(good, JSON_OF_JOB, false);
      const set = setOf({ before: 'return 1;', hostile: source, after: 'return 2;' });
      const [hostile, ...others] = await Promise.all([
        runner.run(set, JSON_OF_JOB, false),
        ...Array.from({ length: 5 }, () => runner.run(good, JSON_OF_JOB, false)),
      ]);
      const of = hostile.outcome?.results.find(({ script }) => script === 1)?.error;
      const stopped = hostile.stopped.find(({ script }) => script === 1)?.reason;
      expect(of ?? stopped).toMatch(/instructions|took|memory|overflow|call stack/);
      expect(hostile.outcome?.values).toEqual({ before: 1, after: 2 });
      for (const { outcome } of others) expect(outcome?.values).toEqual({ good: 'good' });
    });
  }
});

/** A runner that records what its threads are sent and answer, and how many are ready. */
function aRecordedRunner(times = {}, startOf = (_thread: number) => startScriptThread) {
  const sent: { thread: number; client: string }[] = [];
  const answered: number[] = [];
  const count = { started: 0, ready: 0 };
  const runner = new ScriptRunner(log, { ...RUNNER_TIMES, ...times }, (shared) => {
    const thread = count.started;
    count.started += 1;
    const worker = startOf(thread)(shared);
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (message: SentScripts | SentJob) => {
      if (message.kind === 'run') sent.push({ thread, client: message.client });
      post(message);
    };
    worker.on('message', ({ id }: DoneJob) => {
      if (id === READY) count.ready += 1;
      else answered.push(id);
    });
    return worker;
  });
  runners.push(runner);
  /** Waits until so many threads have been started and were ready. */
  const ready = (threads: number) =>
    expect.poll(() => count, { timeout: 30_000 }).toEqual({ started: threads, ready: threads });
  const threadsOf = (client: string) =>
    new Set(sent.filter((one) => one.client === client).map(({ thread }) => thread));
  return { runner, sent, answered, count, ready, threadsOf };
}

describe('a script that hangs', () => {
  const HANGS = "if (profile.get('hang')) 'x'.repeat(5000000).split(''); return 1;";
  const HANGING_JOB = JSON.stringify({ ...JOB, attributes: { hang: '1' } });
  const hostile = () => setOf({ before: 'return 1;', hostile: HANGS, after: 'return 2;' }, 'hostile');
  const good = () => setOf({ good: "return 'good';" }, 'good');
  const IS_STOPPED = { script: 1, reason: expect.stringMatching(/took/), isSlow: true };
  const never: typeof startScriptThread = () => new Worker('setInterval(() => {}, 1000)', { eval: true });

  it('has its thread replaced at once, without another visit', async () => {
    const { runner, ready } = aRecordedRunner();
    await runner.run(good(), JSON_OF_JOB, false);
    await ready(3);
    await runner.run(hostile(), HANGING_JOB, false);
    await ready(4);
  });

  it('does not keep its visit waiting for a thread that is loading', async () => {
    const { runner } = aRecordedRunner({}, (thread) => (thread === 0 ? startScriptThread : never));
    await runner.run(good(), JSON_OF_JOB, false);
    const { outcome, stopped } = await runner.run(hostile(), HANGING_JOB, false);
    expect(outcome).toBeUndefined();
    expect(stopped).toEqual([IS_STOPPED]);
  });

  it('is watched, stopped and reported after its visit has continued', async () => {
    const { runner, ready } = aRecordedRunner({ suspectMs: 1 });
    await runner.run(good(), JSON_OF_JOB, false);
    await ready(3);
    const set = hostile();
    await runner.run(set, HANGING_JOB, false);
    await ready(4);
    const late: StoppedScript[] = [];
    const { outcome, stopped } = await runner.run(set, HANGING_JOB, false, (one) => late.push(one));
    expect({ outcome, stopped }).toEqual({ outcome: undefined, stopped: [] });
    await expect.poll(() => late, { timeout: 30_000 }).toEqual([IS_STOPPED]);
    await ready(5);
  });

  it('never comes to the thread of the others when it is new', async () => {
    const { runner, ready, threadsOf } = aRecordedRunner();
    const others = good();
    await runner.run(others, JSON_OF_JOB, false);
    await ready(3);
    const set = hostile();
    const visits = Array.from({ length: 6 }, () => [
      runner.run(set, HANGING_JOB, false),
      runner.run(others, JSON_OF_JOB, false),
    ]);
    await Promise.all(visits.flat());
    const used = threadsOf('good');
    expect([...threadsOf('hostile')].filter((thread) => used.has(thread))).toEqual([]);
  });

  it('does not follow the others to their next thread, nor do its other visits', async () => {
    const { runner, ready, sent, threadsOf } = aRecordedRunner();
    const [set, others] = [hostile(), good()];
    for (const one of [set, others]) await runner.run(one, JSON_OF_JOB, false);
    await ready(3);
    await runner.run(set, JSON_OF_JOB, false);
    const first = sent.at(-1)!.thread;
    sent.length = 0;
    const visits = Array.from({ length: 6 }, () => [
      runner.run(set, HANGING_JOB, false),
      runner.run(others, JSON_OF_JOB, false),
    ]);
    const results = await Promise.all(visits.flat());
    for (let n = 1; n < results.length; n += 2) expect(results[n]!.outcome?.values).toEqual({ good: 'good' });
    const used = threadsOf('good');
    expect([...threadsOf('hostile')].filter((thread) => used.has(thread))).toEqual([first]);
  });

  it('that ends after all leaves its thread whole, and nothing runs twice', async () => {
    const { runner, ready, answered, count } = aRecordedRunner({ endedMs: 1e9 });
    const [set, others] = [hostile(), good()];
    for (const one of [set, others]) await runner.run(one, JSON_OF_JOB, false);
    await ready(3);
    // The second round comes back to the thread of the first, behind what it may have run twice.
    for (let round = 0; round < 2; round += 1) {
      const visits = [runner.run(set, HANGING_JOB, false)];
      for (let n = 0; n < 6; n += 1) visits.push(runner.run(others, JSON_OF_JOB, false));
      for (const { outcome } of await Promise.all(visits)) expect(outcome).toBeDefined();
      expect((await runner.run(others, JSON_OF_JOB, false)).outcome?.values).toEqual({ good: 'good' });
    }
    expect(count.started).toBe(3);
    expect(new Set(answered).size).toBe(answered.length);
  });
});

describe('a script thread that cannot be started', () => {
  const set = () => setOf({ good: "return 'good';" });
  /** A runner whose threads are made by `next` from the number of earlier ones. */
  function aRunnerOf(next: (started: number) => typeof startScriptThread, times = {}) {
    let started = 0;
    const runner = new ScriptRunner(log, { ...RUNNER_TIMES, firstRetryMs: 3_600_000, ...times }, (shared) => {
      started += 1;
      return next(started)(shared);
    });
    runners.push(runner);
    return { runner, started: () => started };
  }
  const failing: Record<string, typeof startScriptThread> = {
    'throws at once': () => {
      throw new Error('no memory');
    },
    'ends with an error': () => new Worker("throw new Error('no memory')", { eval: true }),
    'ends without a word': () => new Worker('process.exit(3)', { eval: true }),
    'is never ready': () => new Worker('setInterval(() => {}, 1000)', { eval: true }),
  };

  for (const [how, start] of Object.entries(failing)) {
    it(`is not retried endlessly when it ${how}; visits go on, and the reason is known`, async () => {
      const { runner, started } = aRunnerOf(() => start, { startMs: 20 });
      for (let visit = 0; visit < 20; visit += 1) {
        expect((await runner.run(set(), JSON_OF_JOB, false)).outcome).toBeUndefined();
      }
      expect(started()).toBeLessThanOrEqual(2);
      expect(runner.problem).toMatch(/cannot be started: .*(no memory|ended with 3|not ready in time)/);
    });
  }

  it('is started again after a while, and scripts run then', async () => {
    const { runner } = aRunnerOf(
      (started) => (started <= 2 ? failing['throws at once']! : startScriptThread),
      {
        ...{ firstRetryMs: 1, lastRetryMs: 2 },
      },
    );
    await expect
      .poll(async () => (await runner.run(set(), JSON_OF_JOB, false)).outcome?.values, { timeout: 50_000 })
      .toEqual({ good: 'good' });
    expect(runner.problem).toBeUndefined();
  });

  it('is not replaced endlessly when a job ends every thread', async () => {
    const { runner, started } = aRunnerOf(() => startScriptThread);
    const broken: ScriptSet = { client: 'demo', scripts: [{ name: 'broken', code: 'does not compile' }] };
    expect((await runner.run(broken, JSON_OF_JOB, false)).outcome).toBeUndefined();
    expect(started()).toBeLessThan(7);
    const other = setOf({ good: "return 'good';" }, 'other');
    expect((await runner.run(other, JSON_OF_JOB, false)).outcome?.values).toEqual({ good: 'good' });
  });
});
