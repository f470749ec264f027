/**
 * The background processing of batches when something fails, and when they are old (contract
 * section 6).
 */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { acceptBatch, acceptCustomerFile } from '../src/batches/accept-batch.ts';
import { BatchRunner } from '../src/batches/batch-runner.ts';
import { batchSweeper } from '../src/batches/batch-sweeper.ts';
import { listCustomerAttributes } from '../src/domain/customer-attributes.ts';
import { QuiverError } from '../src/errors.ts';
import type { Batch, BatchStore } from '../src/storage/batch-store.ts';
import { BatchFiles } from '../src/storage/files/batch-files.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import type { Stores } from '../src/storage/stores.ts';

const DAY = 86_400_000;
const log = pino({ level: 'silent' });
const clients = ['demo'];

let folder: string;
let stores: Stores;
let files: BatchFiles;
let clock: number;
const started: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-runner-'));
  stores = await openLmdbStores({ path: folder });
  files = new BatchFiles(join(folder, 'batches'));
  await files.start();
  clock = Date.UTC(2026, 7, 18);
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
  await stores.close();
  await rm(folder, { recursive: true });
});

const now = () => clock;
const accept = (file: string) =>
  acceptBatch(
    { batches: stores.batches, files, now },
    'demo',
    'v2',
    new Request('http://x', { method: 'POST', body: file }),
  );
function run(batches: BatchStore = stores.batches): BatchRunner {
  const runner = new BatchRunner({
    ...{ batches, files, clients, log, now },
    holder: 'test',
    rulesOf: () => ({ lifetimeDays: 14 }),
    pauses: [1, 1],
    rowsPerStep: 1000,
  });
  started.push(runner);
  runner.start();
  return runner;
}
function sweep(): void {
  const sweeper = batchSweeper({ batches: stores.batches, files, clients, log, now, lookEvery: 5 });
  started.push(sweeper);
  sweeper.start();
}
const reaches = (id: string, state: Batch['state']) =>
  vi.waitFor(
    async () => {
      const batch = await stores.batches.find('demo', id);
      expect(batch?.state).toBe(state);
      return batch!;
    },
    { timeout: 10_000, interval: 5 },
  );
/** The store, with every `apply` passed through `before`. */
function withApply(before: (consumedBefore: number) => void): BatchStore {
  return new Proxy(stores.batches, {
    get(target, name: keyof BatchStore) {
      if (name !== 'apply') return target[name].bind(target);
      return async (step: Parameters<BatchStore['apply']>[0]) => {
        before(step.consumedBefore);
        return target.apply(step);
      };
    },
  });
}

const rows = (count: number) => Array.from({ length: count }, (_, n) => `p${n % 700},${n}\n`).join('');
const FILE = `batch=pcId,n\n${rows(2500)}`;

test('a batch whose step fails three times is stuck with the reason, the next waits, and a retry resumes both', async () => {
  const first = await accept(FILE);
  const second = await accept('batch=pcId,n\np1,second\n');
  let broken = true;
  let failures = 0;
  const runner = run(
    withApply((consumed) => {
      if (!broken || consumed < 1000) return;
      // The next step was under way too, and was then out of turn.
      if (consumed === 1000) failures += 1;
      throw new Error('the disk is on fire');
    }),
  );
  expect(await reaches(first, 'stuck')).toMatchObject({
    reason: 'the disk is on fire',
    progress: { consumed: 1000, successful: 1000, failed: 0 },
  });
  expect(failures).toBe(3);
  expect((await stores.batches.find('demo', second))?.state).toBe('waiting');

  broken = false;
  expect(await stores.batches.retry('demo', first)).toBe(true);
  runner.wake('demo');
  expect((await reaches(first, 'complete')).progress).toMatchObject({ consumed: 2500, successful: 2500 });
  await reaches(second, 'complete');
  const profile = await stores.profiles.find('demo', { kind: 'tntId', value: 'p1' }, clock);
  expect(profile?.attributes.toString()).toContain('"second"');
});

test('a file of customer attributes is applied in steps, can be resumed, and rows fail one by one', async () => {
  const rows = Array.from({ length: 3500 }, (_, n) => (n % 1000 === 7 ? `${n},x\n` : `${n},"a\n${n}",\n`));
  const request = new Request('http://x', { method: 'POST', body: `id,tier,city\n${rows.join('')}` });
  const parts = { batches: stores.batches, files, now };
  const source = { source: 'crm', ids: 'customerId' } as const;
  let isReady = false;
  const { id } = await acceptCustomerFile(parts, 'demo', source, request, async ({ names }) => {
    isReady = names.join() === 'tier,city';
  });
  expect(isReady).toBe(true);
  const first = run(
    withApply((consumedBefore) => {
      if (consumedBefore >= 2000) throw new Error('no such luck');
    }),
  );
  await reaches(id, 'stuck');
  await first.stop();
  expect((await stores.batches.find('demo', id))!.progress).toMatchObject({ consumed: 2000, failed: 2 });
  await stores.batches.retry('demo', id);
  run();
  expect((await reaches(id, 'complete')).progress).toMatchObject({ successful: 3496, failed: 4 });
  const failures = await stores.batches.failures('demo', id, 0, 10);
  // Each record with a line break takes two lines, the header one.
  expect(failures.map(({ line, reason }) => [line, reason])).toEqual(
    [7, 1007, 2007, 3007].map((n, place) => [2 * n + 2 - place, 'the row has 2 cells, the header 3']),
  );
  const found = await stores.profiles.findLinked('demo', { kind: 'customerId', value: 'crm:3499' }, clock, 1);
  expect(listCustomerAttributes(found!.profile.attributes)).toEqual([
    { source: 'crm', name: 'tier', value: 'a\n3499', modifiedAt: clock },
  ]);
});

test('failures of different steps are not added up', async () => {
  const id = await accept(FILE);
  const failed = new Map<number, number>();
  run(
    withApply((consumed) => {
      const count = failed.get(consumed) ?? 0;
      failed.set(consumed, count + 1);
      if (count < 2) throw new Error('try again');
    }),
  );
  expect((await reaches(id, 'complete')).progress).toMatchObject({ consumed: 2500, successful: 2500 });
  expect([...failed]).toEqual([
    [0, 3],
    [1000, 3],
    [2000, 3],
  ]);
});

test('a batch whose file is missing is stuck with that reason', async () => {
  const id = await accept(FILE);
  await files.remove(id);
  run();
  expect((await reaches(id, 'stuck')).reason).toMatch(/ENOENT/);
});

test('a completed batch, its failed rows and its file are removed after seven days', async () => {
  const id = await accept('batch=pcId,n\n,1\np1,1\n');
  run();
  await reaches(id, 'complete');
  sweep();
  clock += 7 * DAY;
  const fresh = await accept('batch=pcId,n\n,2\n');
  await reaches(fresh, 'complete');
  expect((await files.ids()).sort()).toEqual([id, fresh].sort());
  clock += 1;
  await vi.waitFor(async () => expect(await files.ids()).toEqual([fresh]));
  expect(await stores.batches.find('demo', id)).toBeUndefined();
  expect(await stores.batches.failures('demo', id, 0, 10)).toEqual([]);
  expect(await stores.batches.failures('demo', fresh, 0, 10)).toHaveLength(1);
});

test('a file without a batch is removed, and that of a waiting batch stays', async () => {
  const waiting = await accept(FILE);
  const lost = await files.receive();
  await lost.write(Buffer.from('batch=pcId,n\n'));
  await lost.keepAs(`demo-${clock}-00000000`);
  clock += 7 * DAY + 1;
  sweep();
  await vi.waitFor(async () => expect(await files.ids()).toEqual([waiting]));
});

/** The store, with one member replaced. */
const storeWith = (own: Partial<BatchStore>): BatchStore =>
  new Proxy(stores.batches, {
    get: (store, name) => {
      const member = own[name as keyof BatchStore] ?? store[name as keyof BatchStore];
      return typeof member === 'function' ? member.bind(store) : member;
    },
  });
const acceptInto = (batches: BatchStore) =>
  acceptBatch(
    { batches, files, now },
    'demo',
    'v2',
    new Request('http://x', { method: 'POST', body: 'batch=pcId,a\nv,1' }),
  );

test('the file of a batch stays while its acceptance is uncertain, and is removed when it was refused', async () => {
  const refused = new QuiverError('not-done', 'no');
  await expect(acceptInto(storeWith({ accept: () => Promise.reject(refused) }))).rejects.toBe(refused);
  expect(await readdir(join(folder, 'batches'))).toEqual([]);

  const unknown = new QuiverError('unknown', 'perhaps');
  const queuedAndUnknown = storeWith({
    async accept(batch) {
      await stores.batches.accept(batch);
      throw unknown;
    },
  });
  await expect(acceptInto(queuedAndUnknown)).rejects.toBe(unknown);
  const [batch] = await stores.batches.list('demo', 1);
  run();
  await reaches(batch!.id, 'complete');
});

test('thousands of idle clients cost one look at the store, not one each', async () => {
  const looks: number[] = [];
  const next = vi.fn(() => Promise.resolve(undefined));
  const batches = storeWith({
    queued(asked) {
      looks.push(asked.length);
      return stores.batches.queued(asked);
    },
    next,
  });
  const idle = Array.from({ length: 5000 }, (_, n) => `client${n}`);
  const runner = new BatchRunner({
    ...{ batches, files, log, now },
    clients: idle,
    holder: 'test',
    rulesOf: () => ({ lifetimeDays: 14 }),
  });
  started.push(runner);
  runner.start();
  await vi.waitFor(() => expect(looks.length).toBeGreaterThan(1), { timeout: 10_000 });
  expect(looks[0]).toBe(5000);
  expect(next).not.toHaveBeenCalled();
});
