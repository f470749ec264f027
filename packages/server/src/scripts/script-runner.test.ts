import { Worker } from 'node:worker_threads';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { RUNNER_TIMES, ScriptRunner, type ScriptSet } from './script-runner.ts';
import { isRead, readSource } from './script-source.ts';
import { startScriptThread } from './script-thread.ts';

const log = pino({ enabled: false });
const runners: ScriptRunner[] = [];

afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.close();
});

function aRunner(): ScriptRunner {
  const runner = new ScriptRunner(log);
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
  ...{ now: 1_795_477_844_570, seed: 7, attributes: [], headers: [], customer: [], user: {}, profile: {} },
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
