import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeClientStore } from '../conformance/client-store-conformance.ts';
import type { StorePlace } from '../conformance/profile-store-conformance.ts';
import { describeRecordStore } from '../conformance/record-store-conformance.ts';
import { describeUsageStore } from '../conformance/usage-store-conformance.ts';
import type { Stores } from '../stores.ts';
import { openLmdbStores } from './open-lmdb-stores.ts';

async function makePlace(): Promise<StorePlace> {
  const path = await mkdtemp(join(tmpdir(), 'quiver-lmdb-'));
  const opened: Stores[] = [];
  return {
    async open() {
      const stores = await openLmdbStores({ path });
      opened.push(stores);
      return stores;
    },
    async dispose() {
      for (const stores of opened) await stores.close();
      await rm(path, { recursive: true });
    },
  };
}

describeRecordStore('LMDB', makePlace);
describeClientStore('LMDB', makePlace);
describeUsageStore('LMDB', makePlace);
