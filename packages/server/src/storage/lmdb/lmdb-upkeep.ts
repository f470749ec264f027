/**
 * Operations on a whole embedded store beside a running server: copying it while it is written, and
 * inspecting it.
 */

import { existsSync } from 'node:fs';
import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Batch } from '../batch-store.ts';
import { StoreDamagedError } from '../store-damaged-error.ts';
import { LOCK_FILE } from '../store-file-names.ts';
import { syncFolder } from '../sync-folder.ts';
import { ChangeLog } from './change-log.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { ProfileTables } from './profile-tables.ts';
import { StoreCheck } from './store-check.ts';
import { StoreUpkeep } from './store-upkeep.ts';
import { giveToOwner, STORE_FILE } from './usable-files.ts';

/** Facts about a store that is not opened for serving. */
export interface EmbeddedStoreFacts {
  readonly profiles: number;
  /** Size of the file; freed space in it is used again. */
  readonly bytes: number;
  /** How much of the file is free. */
  readonly freeBytes: number;
  /** The queued and running batches, unordered. */
  readonly unfinished: readonly Pick<Batch, 'client' | 'id' | 'state' | 'reason'>[];
  /** Other processes that have read from the store and still have it open. */
  readonly processes: readonly number[];
}

/** Whether there is a store in the folder. */
export function hasEmbeddedStore(path: string): boolean {
  return existsSync(join(path, STORE_FILE));
}

/**
 * Copies the store at one point in time, while others read and write it. The copy is on disk when
 * this returns.
 *
 * Writers are not blocked. Freed space is not reused before the copy is done, so the file may grow.
 *
 * @param from the folder of the store
 * @param to a folder for the copy, created if it is missing
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
 * A segment of the log is rewritten if at most this share of it is live; for others it is not worth
 * it.
 */
const COMPACT_LIVE_SHARE = 0.95;

/** The size of a store's file before and after, in bytes. */
export interface CompactedStore {
  readonly profiles: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Replaces the file of a store with one without dead entries and free pages.
 *
 * No other process may have the store open. It needs as much free disk space as the new file.
 * Nothing stored changes, and the old file remains the store until the last step, a rename.
 *
 * @param draft a folder on the same file system that does not exist yet; the caller removes it
 * @throws StoreDamagedError when the copy is damaged or incomplete
 */
export async function compactEmbeddedStore(path: string, draft: string): Promise<CompactedStore> {
  const file = join(path, STORE_FILE);
  const bytesBefore = (await stat(file)).size;
  const environment = await LmdbEnvironment.open(path);
  let profiles: number;
  try {
    const tables = new ProfileTables(environment);
    await new StoreUpkeep(environment, tables.records, undefined, COMPACT_LIVE_SHARE).finish();
    profiles = environment.read(() => tables.count());
  } finally {
    await environment.close();
  }
  await copyEmbeddedStore(path, draft);
  const copy = await inspectEmbeddedStore(draft, true);
  if (copy.profiles !== profiles) {
    throw new StoreDamagedError(`the copy has ${copy.profiles} profiles of ${profiles}; nothing was changed`);
  }
  await giveToOwner(path, draft);
  // The lock file belongs to the old file; the engine creates a new one.
  await rm(join(path, LOCK_FILE), { force: true });
  await rename(join(draft, STORE_FILE), file);
  await syncFolder(path);
  return { profiles, bytesBefore, bytesAfter: (await stat(file)).size };
}

/**
 * Gives the change feed of a restored store a new id, because it may continue differently from the
 * feed that readers have followed. Does nothing if there is no feed.
 */
export async function renewChangeFeed(path: string): Promise<void> {
  const environment = await LmdbEnvironment.open(path);
  try {
    await new ChangeLog(environment).renew();
  } finally {
    await environment.close();
  }
}

/**
 * Inspects a store, which may be in use.
 *
 * @param thorough also reads every record, to find a damaged file
 * @throws StoreFormatError when a Quiver of another format wrote it; Error when the file cannot be
 *   read as a store
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
      freeBytes: environment.freeBytes(),
      unfinished: batches
        .filter(({ state }) => state !== 'complete')
        .map(({ client, id, state, reason }) => ({ client, id, state, reason })),
      processes: environment.otherReaders(),
    };
  } finally {
    await environment.close();
  }
}
