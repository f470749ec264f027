import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { testAgainstModel } from '../conformance/model-comparison.ts';
import { DAY, describeProfileStore, type StorePlace, T0 } from '../conformance/profile-store-conformance.ts';
import type { ProfileStore } from '../profile-store.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { openLmdbProfileStore } from './lmdb-profile-store.ts';
import { ProfileTables } from './profile-tables.ts';

interface LmdbPlace extends StorePlace {
  readonly path: string;
}

async function makePlace(): Promise<LmdbPlace> {
  const path = await mkdtemp(join(tmpdir(), 'quiver-lmdb-'));
  const opened: ProfileStore[] = [];
  return {
    path,
    async open() {
      const store = await openLmdbProfileStore({ path });
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
  while ((await store.sweep(T0 + 10_000 * DAY, 100)).more);
  await store.close();
  const environment = await LmdbEnvironment.open((place as LmdbPlace).path);
  const { profiles, links, expiry } = new ProfileTables(environment);
  expect([profiles, links, expiry].map((table) => table.getKeysCount())).toEqual([0, 0, 0]);
  await environment.close();
});
