import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { testAgainstModel } from '../conformance/model-comparison.ts';
import { DAY, describeProfileStore, type StorePlace, T0 } from '../conformance/profile-store-conformance.ts';
import type { Stores } from '../stores.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { openLmdbStores } from './open-lmdb-stores.ts';
import { ProfileTables } from './profile-tables.ts';

interface LmdbPlace extends StorePlace {
  readonly path: string;
}

/** @param journalEntries few of them, so that records are written to the tree at once too */
async function makePlace(journalEntries?: number): Promise<LmdbPlace> {
  const path = await mkdtemp(join(tmpdir(), 'quiver-lmdb-'));
  const opened: Stores[] = [];
  return {
    path,
    async open() {
      const store = await openLmdbStores({ path, ...(journalEntries !== undefined && { journalEntries }) });
      opened.push(store);
      return store;
    },
    async dispose() {
      for (const store of opened) await store.close();
      await rm(path, { recursive: true });
    },
  };
}

describeProfileStore('LMDB', makePlace);
describeProfileStore('LMDB with a full journal', () => makePlace(1));

testAgainstModel('LMDB', makePlace, 60, isEmptyAtTheEnd);
testAgainstModel('LMDB with a small journal', () => makePlace(4), 60, isEmptyAtTheEnd);

/** When everything has expired and is swept, nothing may be left in any table: no orphan pointer, link, index or journal entry. */
async function isEmptyAtTheEnd(store: Stores, place: StorePlace): Promise<void> {
  while ((await store.profiles.sweep(T0 + 10_000 * DAY, 100)).more);
  // What is under way, then all the rest.
  for (let round = 0; round < 3; round += 1) while (await store.settle?.(100));
  await store.close();
  const environment = await LmdbEnvironment.open((place as LmdbPlace).path);
  const counts = ['profiles', 'journal', 'links', 'expiry', 'expiry-groups'].map((name) =>
    environment.table(name).getKeysCount(),
  );
  expect([...counts, new ProfileTables(environment).count()]).toEqual([0, 0, 0, 0, 0, 0]);
  await environment.close();
}
