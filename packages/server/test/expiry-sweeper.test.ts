import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { expect, test, vi } from 'vitest';
import { Chores } from '../src/storage/chores.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';

test('expired profiles are freed in the background, step by step, and others stay', async () => {
  const path = await mkdtemp(join(tmpdir(), 'quiver-sweeper-'));
  const stores = await openLmdbStores({ path });
  const longAgo = { now: Date.now() - 2 * 86_400_000, lifetimeDays: 1 };
  const update = (value: string, moment: { now: number; lifetimeDays: number }) =>
    stores.profiles.update('demo', { kind: 'tntId', value }, new Map([['x', '1']]), moment, true);
  await Promise.all(Array.from({ length: 450 }, (_, n) => update(`old${n}`, longAgo)));
  await update('young', { now: Date.now(), lifetimeDays: 1 });
  const sweep = vi.fn(stores.chores.steps.sweep!);
  const sweeper = new Chores({ sweep }, { sweepMs: 5 });
  sweeper.start(pino({ level: 'silent' }));
  await vi.waitFor(async () => {
    const steps = await Promise.all(sweep.mock.results.map(({ value }) => value));
    expect(steps.reduce((sum, { removed }) => sum + removed, 0)).toBe(450);
    expect(steps.filter(({ removed }) => removed > 0).length).toBeGreaterThan(1);
  });
  await sweeper.stop();
  expect(await stores.profiles.find('demo', { kind: 'tntId', value: 'young' }, Date.now())).toBeDefined();
  await stores.close();
  await rm(path, { recursive: true });
});
