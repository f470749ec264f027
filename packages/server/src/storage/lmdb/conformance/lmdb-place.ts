/** A place for the conformance suites: an embedded store in a temporary folder. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StorePlace } from '../../conformance/profile-store-conformance.ts';
import type { Stores } from '../../stores.ts';
import { type LmdbStoresOptions, openLmdbStores } from '../open-lmdb-stores.ts';

export interface LmdbPlace extends StorePlace {
  /** The folder of the store. */
  readonly path: string;
}

/** @param options of the stores, for instance `log` */
export async function makeLmdbPlace(options: Omit<LmdbStoresOptions, 'path'> = {}): Promise<LmdbPlace> {
  const path = await mkdtemp(join(tmpdir(), 'quiver-lmdb-'));
  const opened: Stores[] = [];
  return {
    path,
    async open(limits) {
      const stores = await openLmdbStores({ ...options, path, limits });
      opened.push(stores);
      return stores;
    },
    async dispose() {
      for (const stores of opened) await stores.close();
      await rm(path, { recursive: true });
    },
  };
}
