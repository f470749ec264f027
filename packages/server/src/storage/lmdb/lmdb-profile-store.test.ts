import { expect } from 'vitest';
import { testAgainstModel } from '../conformance/model-comparison.ts';
import { DAY, describeProfileStore, type StorePlace, T0 } from '../conformance/profile-store-conformance.ts';
import { describeVisitorState } from '../conformance/visitor-state-conformance.ts';
import type { Stores } from '../stores.ts';
import { type LmdbPlace, makeLmdbPlace } from './conformance/lmdb-place.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import type { LmdbStoresOptions } from './open-lmdb-stores.ts';
import { ProfileTables } from './profile-tables.ts';

type LogOptions = NonNullable<LmdbStoresOptions['log']>;
/** Merged and cleaned all the time. */
const BUSY: LogOptions = { mergeKeys: 1, segmentEntries: 4 };
/** Almost no memory for recent entries, so that some go to the index at once. */
const FORGETFUL: LogOptions = { recentKeys: 3, mergeKeys: 2, segmentEntries: 8 };

describeProfileStore('LMDB', makeLmdbPlace);
describeVisitorState('LMDB', makeLmdbPlace);
describeProfileStore('LMDB without memory', () => makeLmdbPlace({ log: { recentKeys: 0 } }));

testAgainstModel('LMDB', makeLmdbPlace, 60, isEmptyAtTheEnd(undefined));
testAgainstModel(
  'LMDB that merges and cleans',
  () => makeLmdbPlace({ log: BUSY }),
  100,
  isEmptyAtTheEnd(BUSY),
);
testAgainstModel(
  'LMDB with little memory',
  () => makeLmdbPlace({ log: FORGETFUL }),
  100,
  isEmptyAtTheEnd(FORGETFUL),
);

/**
 * When everything has expired and is swept, nothing may be left in any table but entries that say
 * so: no orphan pointer, link or index entry, and no segment may be thought to hold anything.
 */
function isEmptyAtTheEnd(log: LogOptions | undefined) {
  return async (store: Stores, place: StorePlace): Promise<void> => {
    while ((await store.chores.steps.sweep?.(T0 + 10_000 * DAY, 100))?.more);
    // Finishes current work, then does everything else.
    for (let round = 0; round < 3; round += 1) while (await store.chores.steps.upkeep?.(100));
    await store.close();
    const environment = await LmdbEnvironment.open((place as LmdbPlace).path);
    const counts = ['index', 'links', 'expiry', 'expiry-groups', 'orphans'].map((name) =>
      environment.table(name).getKeysCount(),
    );
    const tables = new ProfileTables(environment, log);
    expect([...counts, tables.count()]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(tables.records.log.segments.list().filter(({ live }) => live > 0)).toEqual([]);
    // Complete segments have been cleaned.
    if (log !== undefined) {
      expect(environment.table('records').getKeysCount()).toBeLessThanOrEqual(2 * log.segmentEntries!);
    }
    await environment.close();
  };
}
