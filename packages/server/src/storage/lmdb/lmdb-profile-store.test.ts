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

async function makePlace(): Promise<LmdbPlace> {
  const path = await mkdtemp(join(tmpdir(), 'quiver-lmdb-'));
  const opened: Stores[] = [];
  return {
    path,
    async open() {
      const store = await openLmdbStores({ path });
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

testAgainstModel('LMDB', makePlace, 60, async (store, place) => {
  // When everything has expired and is swept, nothing may be left in any table: no orphan pointer, link or index entry.
  while ((await store.profiles.sweep(T0 + 10_000 * DAY, 100)).more);
  await store.close();
  const environment = await LmdbEnvironment.open((place as LmdbPlace).path);
  const tables = new ProfileTables(environment);
  const counts = [tables.profiles, tables.links, tables.expiry].map((table) => table.getKeysCount());
  expect([...counts, tables.count(), environment.table('expiry-groups').getKeysCount()]).toEqual([
    0, 0, 0, 0, 0,
  ]);
  await environment.close();
});
