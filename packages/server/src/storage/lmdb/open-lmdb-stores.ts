import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { ProfileLimits } from '../../domain/profile-limits.ts';
import type { FeedRetention } from '../change-feed.ts';
import { Chores } from '../chores.ts';
import { BatchFiles } from '../files/batch-files.ts';
import { SpentCallFiles } from '../files/spent-call-files.ts';
import { LOCK_FILE } from '../store-file-names.ts';
import { type Stores, storesOver } from '../stores.ts';
import type { StalledAt } from './commit-groups.ts';
import type { EntryLogOptions } from './entry-log.ts';
import type { IndexMergerOptions } from './index-merger.ts';
import { LmdbBatchStore } from './lmdb-batch-store.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { LmdbMergeTrail } from './lmdb-merge-trail.ts';
import { LmdbProfileLists } from './lmdb-profile-lists.ts';
import { LmdbProfileStore } from './lmdb-profile-store.ts';
import { LmdbRecordStore } from './lmdb-record-store.ts';
import { ProfileTables } from './profile-tables.ts';
import { StoreCheck } from './store-check.ts';
import { StoreSnapshots } from './store-snapshots.ts';
import { StoreUpkeep } from './store-upkeep.ts';

export interface LmdbStoresOptions {
  /** The folder of the store, created with mode 0700 if it is missing. */
  readonly path: string;
  /**
   * The folder for files beside the store: batches, and calls between edges; {@link path} by
   * default.
   */
  readonly dataDir?: string;
  /**
   * Called when writes do not finish: another process holds the writer lock and does not continue,
   * or the disk hangs.
   */
  readonly onStall?: (at: StalledAt) => void;
  /**
   * Called once when the lock file has been replaced: processes that open the store from then on
   * share no lock with this one.
   */
  readonly onLockFileGone?: (file: string) => void;
  /** Limits of one profile. */
  readonly limits?: ProfileLimits | undefined;
  /** How long changes are kept, or `off` for no feed. If missing, the store stays as it is. */
  readonly changes?: FeedRetention | 'off' | undefined;
  /**
   * How long merges can be undone, in milliseconds, or `off` to record none. If missing, none are
   * recorded and the store stays as it is.
   */
  readonly merges?: number | 'off' | undefined;
  /** How the log of records is kept; changed only by tests. */
  readonly log?: EntryLogOptions & IndexMergerOptions;
}

/**
 * In milliseconds. The next read processes what other processes have written since; half a second's
 * worth would be noticeable.
 */
const KEEP_UP_EVERY_MS = 100;

/**
 * Reads what other processes have written, so that the first request after a pause does not have
 * to.
 */
function keepUp(environment: LmdbEnvironment): void {
  try {
    environment.read(() => undefined);
  } catch {
    // The next request gets the error.
  }
}

/** How often the lock file is checked, in milliseconds. */
const LOOK_AT_LOCK_EVERY_MS = 1000;

function watchLockFile(file: string, onGone: (file: string) => void): NodeJS.Timeout {
  const numberOf = () => statSync(file, { throwIfNoEntry: false })?.ino;
  const opened = numberOf();
  const timer = setInterval(() => {
    if (numberOf() === opened) return;
    clearInterval(timer);
    onGone(file);
  }, LOOK_AT_LOCK_EVERY_MS);
  return timer.unref();
}

/**
 * Opens the embedded engine: one folder, any number of processes.
 *
 * @throws StoreFormatError when a Quiver of another format wrote the folder; StoreDamagedError when
 *   a table is missing; UnusableStoreError when its files cannot be opened
 */
export async function openLmdbStores({
  path,
  dataDir = path,
  limits,
  changes,
  merges,
  log,
  onStall,
  onLockFileGone,
}: LmdbStoresOptions): Promise<Stores> {
  const environment = await LmdbEnvironment.open(path, onStall);
  const tables = new ProfileTables(environment, log);
  if (changes !== undefined) await tables.changes.keep(changes);
  const check = new StoreCheck(environment, tables.records);
  const upkeep = new StoreUpkeep(environment, tables.records, log);
  const snapshots = new StoreSnapshots(environment, join(path, 'snapshots'), log);
  const trail = new LmdbMergeTrail(environment, tables, merges === 'off' ? undefined : merges);
  if (merges === 'off') await trail.clear();
  const profiles = new LmdbProfileStore(environment, tables, limits, trail);
  const lists = new LmdbProfileLists(environment, tables, snapshots);
  const batches = new LmdbBatchStore(environment, tables, upkeep);
  const records = new LmdbRecordStore(environment);
  await environment.noteTables();
  const keepingUp = setInterval(() => keepUp(environment), KEEP_UP_EVERY_MS);
  keepingUp.unref();
  const watching = onLockFileGone && watchLockFile(join(path, LOCK_FILE), onLockFileGone);
  return storesOver({
    profiles,
    changes: tables.changes,
    merges: trail,
    lists,
    batches,
    batchFiles: new BatchFiles(join(dataDir, 'batches')),
    spentCalls: new SpentCallFiles(join(dataDir, 'edge-calls'), Date.now),
    records,
    requestArrives: () => environment.requestArrives(),
    chores: new Chores({
      sweep: (now, most) => profiles.sweep(now, most),
      upkeep: (most) => upkeep.step(most),
      check: () => check.step(),
      keepFeed: (now) => tables.changes.upkeep(now),
    }),
    figures: async () => ({
      profiles: environment.read(() => tables.count()),
      bytes: environment.fileBytes(),
    }),
    check: () => environment.check(),
    async close() {
      clearInterval(keepingUp);
      clearInterval(watching);
      await snapshots.close();
      await environment.close();
    },
  });
}
