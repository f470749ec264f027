/** What is done to a whole embedded store from beside the server: copied while it is written, and looked at. */

import { existsSync } from 'node:fs';
import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Batch } from '../batch-store.ts';
import { StoreDamagedError } from '../store-damaged-error.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { ProfileTables } from './profile-tables.ts';
import { StoreCheck } from './store-check.ts';
import { STORE_FILE } from './usable-files.ts';

/** What there is to know of a store without serving from it. */
export interface EmbeddedStoreFacts {
  readonly profiles: number;
  /** The size of the file; freed space within it is used again. */
  readonly bytes: number;
  /** The batches that are queued or running, in no order. */
  readonly unfinished: readonly Pick<Batch, 'client' | 'id' | 'state' | 'reason'>[];
  /** Processes that have read from the store and still have it open, without this one. */
  readonly processes: readonly number[];
}

/** Whether there is a store in the folder. */
export function hasEmbeddedStore(path: string): boolean {
  return existsSync(join(path, STORE_FILE));
}

/**
 * Copies the store as it is at one moment, while others read and write it. The copy is on disk when this returns.
 *
 * Whoever writes meanwhile is not held up; freed space is not used again before the copy is made, so the file may grow.
 *
 * @param from the folder of the store
 * @param to a folder for the copy, made when missing
 */
export async function copyEmbeddedStore(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  await LmdbEnvironment.copy(from, to);
  const copy = join(to, STORE_FILE);
  await chmod(copy, 0o600);
  const handle = await open(copy, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Looks at a store, which may be in use.
 *
 * @param thorough reads every record too, so that a torn file shows itself
 * @throws StoreFormatError when a Quiver of another format wrote it; Error when the file cannot be read as a store
 */
export async function inspectEmbeddedStore(path: string, thorough = false): Promise<EmbeddedStoreFacts> {
  const environment = await LmdbEnvironment.open(path);
  try {
    const tables = new ProfileTables(environment);
    if (thorough) {
      const damage = new StoreCheck(environment, tables.records).all();
      if (damage.length > 0) throw new StoreDamagedError(`the store is damaged: ${damage.join('; ')}`);
    }
    const batches = Array.from(
      environment.table('batches').getRange({}),
      ({ value }) => JSON.parse(value.toString()) as Batch,
    );
    return {
      profiles: tables.count(),
      bytes: (await stat(join(path, STORE_FILE))).size,
      unfinished: batches
        .filter(({ state }) => state !== 'complete')
        .map(({ client, id, state, reason }) => ({ client, id, state, reason })),
      processes: environment.otherReaders(),
    };
  } finally {
    await environment.close();
  }
}
