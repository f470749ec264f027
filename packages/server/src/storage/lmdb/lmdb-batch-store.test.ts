import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { describeBatchStore } from '../conformance/batch-store-conformance.ts';
import { PlainRows } from '../plain-rows.ts';
import { makeLmdbPlace } from './conformance/lmdb-place.ts';
import { openLmdbStores } from './open-lmdb-stores.ts';

describeBatchStore('LMDB', makeLmdbPlace);

afterEach(() => {
  vi.restoreAllMocks();
});

const ROWS = 3000;
const NOW = 1_800_000_000_000;
/** Rows of a step of which every tenth could not be read and every seventh had no value. */
function stepRows() {
  const updates = [];
  const failures = [];
  for (let nth = 1; nth <= ROWS; nth += 1) {
    const place = { line: nth + 1, start: 10 * nth, next: 10 * nth + 10 };
    const rawId = `p${nth % 30}`;
    if (nth % 10 === 0) failures.push({ ...place, id: rawId, reason: 'bad', notFound: false });
    else if (nth % 7 !== 0) {
      const id = { kind: 'tntId', value: rawId } as const;
      updates.push({ ...place, id, rawId, settings: new Map([['x', String(nth)]]), nth });
    }
  }
  return { updates: PlainRows.of(updates, NOW), failures };
}

/** The result of a step of these rows, and the number of rows consumed at each check during it. */
async function applied(parts: boolean, appliedElsewhere = 0) {
  const path = await mkdtemp(join(tmpdir(), 'quiver-lmdb-'));
  const stores = await openLmdbStores({ path });
  const { batches, profiles } = stores;
  const client = 'demo';
  await batches.accept({ client, id: 'b', version: 'v2', acceptedAt: NOW, rows: ROWS, bytes: 1 });
  await batches.lease(client, 'h', NOW, NOW + 1000);
  const { updates, failures } = stepRows();
  let clock = 0;
  // At each check of the clock the time is up.
  if (parts) vi.spyOn(performance, 'now').mockImplementation(() => (clock += 1000));
  const all = batches.apply({
    ...{ client, id: 'b', holder: 'h', leaseUntil: NOW + 1000, consumedBefore: 0, updates, failures },
    ...{
      appliedElsewhere,
      after: { offset: 10 * ROWS + 10, line: ROWS + 2, consumed: ROWS },
      isLast: true,
    },
    moment: { now: NOW, lifetimeDays: 14, whenTooLarge: 'refuse' },
  });
  const halfway = [];
  for (let done = false; !done; ) {
    done = await Promise.race([
      all.then(() => true),
      new Promise<false>((resolve) => setImmediate(resolve, false)),
    ]);
    halfway.push((await batches.find(client, 'b'))!.progress.consumed);
  }
  const outcome = {
    batch: await batches.find(client, 'b'),
    failures: await batches.failures(client, 'b', 0, ROWS),
    values: Array.from({ length: 30 }, (_, n) => {
      const found = profiles.find(client, { kind: 'tntId', value: `p${n}` }, NOW) as { attributes: string };
      return found?.attributes;
    }),
  };
  vi.restoreAllMocks();
  await stores.close();
  await rm(path, { recursive: true });
  return { outcome, halfway: [...new Set(halfway)] };
}

test('a long step is applied in parts that each record progress, with the same result', async () => {
  const whole = await applied(false);
  const inParts = await applied(true);
  expect(inParts.outcome).toEqual(whole.outcome);
  expect(whole.outcome.batch).toMatchObject({
    state: 'complete',
    progress: { consumed: ROWS, failed: ROWS / 10, successful: stepRows().updates.length },
  });
  expect(inParts.halfway.length).toBeGreaterThan(2);
});

test('rows applied elsewhere are counted once, with their whole step', async () => {
  const { outcome, halfway } = await applied(true, 5);
  expect(outcome.batch?.progress.successful).toBe(stepRows().updates.length + 5);
  expect(halfway.every((consumed) => consumed === 0 || consumed === ROWS)).toBe(true);
});
