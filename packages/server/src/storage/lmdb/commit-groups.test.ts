import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CommitGroups, MAX_GROUP } from './commit-groups.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';

interface Commit {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** An engine whose commits succeed or fail when the test says so. */
function engine() {
  const commits: Commit[] = [];
  const groups = new CommitGroups(
    (run) => {
      run();
      return new Promise<void>((resolve, reject) => commits.push({ resolve, reject }));
    },
    (cause) => new Error('refused', { cause }),
  );
  return { commits, groups };
}

/** Long enough for all promises that can settle to have settled. */
const aTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('groups of writes', () => {
  test('nobody learns the outcome of a write before it is committed', async () => {
    const { commits, groups } = engine();
    let isTold = false;
    const told = groups.add(() => 'done').then(() => (isTold = true));
    await aTurn();
    expect(isTold).toBe(false);
    commits[0]!.resolve();
    await told;
  });

  test('writes that arrive during a commit all run in the next one, in order', async () => {
    const { commits, groups } = engine();
    const done: number[] = [];
    const add = (n: number) => groups.add(() => done.push(n));
    const first = add(0);
    const later = [1, 2, 3].map(add);
    await aTurn();
    expect([done, commits.length]).toEqual([[0], 1]);
    commits[0]!.resolve();
    await first;
    await aTurn();
    expect([done, commits.length]).toEqual([[0, 1, 2, 3], 2]);
    commits[1]!.resolve();
    expect(await Promise.all(later)).toEqual([2, 3, 4]);
  });

  test(`a commit has at most ${MAX_GROUP} writes`, async () => {
    const { commits, groups } = engine();
    let done = 0;
    const works = Array.from({ length: 1 + 2 * MAX_GROUP }, () => groups.add(() => (done += 1)));
    const afterEachCommit = [1, 1 + MAX_GROUP, 1 + 2 * MAX_GROUP];
    for (const [index, expected] of afterEachCommit.entries()) {
      expect([done, commits.length]).toEqual([expected, index + 1]);
      commits[index]!.resolve();
      await aTurn();
    }
    await Promise.all(works);
    expect(commits).toHaveLength(3);
  });

  test('a failed commit is an error for each of its callers, and the next commit works', async () => {
    const { commits, groups } = engine();
    const before = groups.add(() => 0);
    const refused = [1, 2, 3].map((n) => groups.add(() => n));
    const thrower = groups.add(() => {
      throw new RangeError('its own');
    });
    const outcomes = Promise.allSettled([...refused, thrower]);
    commits[0]!.resolve();
    await before;
    await aTurn();
    const after = groups.add(() => 'after');
    const cause = new Error('of the engine');
    commits[1]!.reject(cause);
    const errors = (await outcomes).map((one) => (one.status === 'rejected' ? one.reason : undefined));
    expect(errors.map(({ message }) => message)).toEqual(['refused', 'refused', 'refused', 'its own']);
    expect(errors[0].cause).toBe(cause);
    expect(new Set(errors).size).toBe(4);
    await aTurn();
    commits[2]!.resolve();
    expect(await after).toBe('after');
  });

  test('a closed engine refuses every write', async () => {
    const groups = new CommitGroups(
      () => {
        throw new Error('closed');
      },
      (cause) => new Error('refused', { cause }),
    );
    await expect(groups.add(() => 1)).rejects.toThrow('refused');
    await expect(groups.add(() => 2)).rejects.toThrow('refused');
    await groups.drained();
  });
});

describe('groups of writes in LMDB', () => {
  let folder: string;
  let environment: LmdbEnvironment;
  let table: Table;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quiver-groups-'));
    environment = await LmdbEnvironment.open(folder);
    table = environment.table('things');
  });
  afterEach(async () => {
    await environment.close();
    await rm(folder, { recursive: true });
  });
  const put = (name: string) =>
    environment.write(() => table.putSync(Buffer.from(name), Buffer.from(`value of ${name}`)));
  const names = () => environment.read(() => Array.from(table.getKeys({}), (key) => key.toString('utf8')));

  test('a write that throws affects no other and leaves nothing behind', async () => {
    const refusal = new RangeError('decided against it');
    const outcomes = await Promise.allSettled([
      put('a'),
      environment.write(() => {
        throw refusal;
      }),
      put('b'),
      environment.write(() => names().length),
    ]);
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: true },
      { status: 'rejected', reason: refusal },
      { status: 'fulfilled', value: true },
      { status: 'fulfilled', value: 2 },
    ]);
    expect(names()).toEqual(['a', 'b']);
  });

  test('closing waits for all requested writes', async () => {
    const works = Array.from({ length: 2 * MAX_GROUP }, (_, n) => put(String(n)));
    await environment.close();
    expect((await Promise.allSettled(works)).every(({ status }) => status === 'fulfilled')).toBe(true);
    environment = await LmdbEnvironment.open(folder);
    table = environment.table('things');
    expect(names()).toHaveLength(2 * MAX_GROUP);
  });
});

describe('stalled commits', () => {
  /** An engine that grants a turn and ends a commit when the test says so. */
  function slowEngine() {
    const asked: { readonly run: () => void; readonly end: () => void }[] = [];
    const stalls: string[] = [];
    const groups = new CommitGroups(
      (run) => new Promise<void>((resolve) => asked.push({ run, end: resolve })),
      (cause) => new Error('refused', { cause }),
      { limitMs: 1000, onStall: (at) => stalls.push(at) },
    );
    return { asked, stalls, groups };
  }
  const outcomeOf = (work: Promise<unknown>) =>
    work.then(
      (result) => result,
      (error: { code?: string }) => error.code,
    );
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('when a turn does not come, waiting writes are refused and never done, and new ones are refused at once', async () => {
    const { asked, stalls, groups } = slowEngine();
    const done: string[] = [];
    const first = outcomeOf(groups.add(() => done.push('first')));
    await vi.advanceTimersByTimeAsync(600);
    const second = outcomeOf(groups.add(() => done.push('second')));
    await vi.advanceTimersByTimeAsync(399);
    expect(stalls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect([await first, await second, stalls]).toEqual(['unavailable', 'unavailable', ['turn']]);
    expect(await outcomeOf(groups.add(() => done.push('third')))).toBe('unavailable');
    await vi.advanceTimersByTimeAsync(1000);
    expect(stalls).toEqual(['turn', 'turn']);

    asked[0]!.run();
    asked[0]!.end();
    await groups.drained();
    expect([done, groups.isStalled]).toEqual([[], false]);
    const fourth = outcomeOf(groups.add(() => 'done'));
    asked[1]!.run();
    asked[1]!.end();
    expect(await fourth).toBe('done');
    await vi.advanceTimersByTimeAsync(5000);
    expect(stalls).toHaveLength(2);
  });

  test('when a commit does not end, its writes have an unknown outcome, and waiting ones are refused', async () => {
    const { asked, stalls, groups } = slowEngine();
    const first = outcomeOf(groups.add(() => 'done'));
    asked[0]!.run();
    const second = outcomeOf(groups.add(() => 'done'));
    await vi.advanceTimersByTimeAsync(1000);
    expect([await first, await second, stalls]).toEqual(['unknown', 'unavailable', ['commit']]);
    asked[0]!.end();
    await groups.drained();
    expect(groups.isStalled).toBe(false);
  });

  test('slow commits are not a stall, however long they go on', async () => {
    const { asked, stalls, groups } = slowEngine();
    for (let n = 0; n < 10; n += 1) {
      const work = outcomeOf(groups.add(() => n));
      await vi.advanceTimersByTimeAsync(900);
      asked[n]!.run();
      asked[n]!.end();
      expect(await work).toBe(n);
    }
    expect(stalls).toEqual([]);
  });
});
