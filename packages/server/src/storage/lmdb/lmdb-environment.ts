/**
 * One opened LMDB environment: its tables, format, writes, and closing.
 *
 * Durability: `overlappingSync` is off, so a write promise resolves after the fsync of its commit,
 * and a rejected write has left nothing behind. It was measured as fast as the overlapping mode,
 * which needs a second promise and leaves the outcome of failures open. Never use `noSync`,
 * `useWritemap` or `mapAsync`: each loses acknowledged writes in a power cut.
 *
 * Long because it contains everything that touches the opened environment itself.
 */

import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { QuiverError } from '../../errors.ts';
import { stuckHolderProblem, stuckWriterLockHolder } from '../../locks/writer-lock.ts';
import { StoreDamagedError } from '../store-damaged-error.ts';
import { LOCK_FILE } from '../store-file-names.ts';
import { StoreFormatError } from '../store-format-error.ts';
import { UnusableStoreError } from '../unusable-store-error.ts';
import { CommitGroups, type StalledAt } from './commit-groups.ts';
import {
  checkReading,
  checkWriting,
  ensureSnapshot,
  filePages,
  onSnapshot,
  type Table,
  treePages,
  type UnlistedOptions,
} from './lmdb-internals.ts';
import { requireWholeFile } from './store-file.ts';
import { StoreSpace } from './store-space.ts';
import { giveToOwner, requireUsable, STORE_FILE } from './usable-files.ts';

/**
 * Caches what it has read from the environment, so it must be notified when there may be something
 * new.
 */
export interface Watcher {
  /** The next read uses a new snapshot, which may include commits of other processes. */
  snapshotBegins(): void;
  /** A write transaction starts. Until it ends, only its code reads and writes. */
  transactionBegins(): void;
  /** The transaction writes nothing more; it is not committed yet. */
  transactionEnds(): void;
  /** The last transaction is on disk. */
  transactionCommitted(): void;
  /** The engine could not commit the last transaction. */
  transactionRefused(): void;
}

/** Adds its own writes to write transactions. */
export interface Recorder {
  transactionBegins(): void;
  /** The works of the transaction are done; what is written now is committed with them. */
  transactionEnds(): void;
}

/** The format that this program writes; `docs/decisions/` says what each version changed. */
export const FORMAT_VERSION = 5;

/** Pages at the start of the file that lead to all others. */
const META_PAGES = 2;
/** The unit in which the system counts the disk space of a file. */
const BLOCK_BYTES = 512;
const FORMAT_KEY = Buffer.from('format');
/** In the table `meta`: the names of the tables that were made, one per line. */
const TABLES_KEY = Buffer.from('tables');
/**
 * Only address space: the file grows as it is written. If it grows beyond this, the engine maps
 * more by itself.
 */
const MAP_SIZE = 256 * 1024 ** 3;
const MAX_READERS = 1024;
const MAX_TABLES = 32;
/**
 * How many free pages the engine reads at a time. With every commit it writes the list of those it
 * has not used. Its own default of 50,000 costs milliseconds after a large deletion: updates ran at
 * a third of their rate or less.
 */
const FREE_PAGES: UnlistedOptions = { maxFreeSpaceToLoad: 2000, maxFreeSpaceToRetain: 4000 };
/** The purpose of a write. */
type Purpose = 'ordinary' | 'upkeep';

/**
 * How long a check waits for an empty write, in milliseconds; less than the usual timeout of a
 * health probe.
 */
const CHECK_LIMIT_MS = 2000;

function noSpace(cause?: unknown): QuiverError {
  return new QuiverError('insufficient-storage', 'No space left to store it; nothing was changed', { cause });
}

function notTaken(): QuiverError {
  return new QuiverError('unavailable', `The store has not taken a write for ${CHECK_LIMIT_MS} ms`);
}

/** How many environments this process has open. */
let opened = 0;

/**
 * Opening an environment needs a write transaction, and the engine blocks the whole process until
 * it gets the lock. So this must not be done while a process that does not continue holds it. The
 * holder is determined only until this process has opened a store.
 *
 * @throws UnusableStoreError when another process holds the writer lock and does not continue
 */
async function requireTurn(path: string): Promise<void> {
  if (opened > 0) return;
  const file = join(path, LOCK_FILE);
  const holder = await stuckWriterLockHolder(file);
  if (holder) throw new UnusableStoreError('EBUSY', stuckHolderProblem(file, holder));
}

/** The settings on which durability and concurrency depend, for people. */
export function embeddedStoreSettings(): string {
  const map = `map ${MAP_SIZE / 1024 ** 3} GiB`;
  return `format ${FORMAT_VERSION}, synced before it is acknowledged, ${map}, ${MAX_READERS} readers, ${MAX_TABLES} tables`;
}

export class LmdbEnvironment {
  readonly #root: RootDatabase;
  readonly #path: string;
  readonly #groups: CommitGroups;
  #closing: Promise<void> | undefined;
  #requestsArrive = false;
  #snapshotIsShared = false;
  readonly #space: StoreSpace;
  readonly #tables = new Map<string, Table>();
  #snapshotIsNew = true;
  /** Counts the snapshots. */
  #snapshot = 0;
  #watcher: Watcher | undefined;
  readonly #recorders: Recorder[] = [];

  private constructor(root: RootDatabase, path: string, onStall?: (at: StalledAt) => void) {
    this.#root = root;
    this.#path = path;
    this.#space = new StoreSpace(path, () => this.#freePageBytes());
    this.#groups = new CommitGroups(
      (run) => this.#transact(run),
      (cause) => this.#refusalOf(cause),
      onStall && { onStall },
    );
    this.#noteSnapshotsOf(root);
  }

  /**
   * Opens the environment in the folder `path`, which is created if it is missing.
   *
   * @param onStall called when writes do not finish, see `commit-groups.ts`
   * @throws StoreFormatError when a program of another format wrote it; StoreDamagedError when a
   *   table is missing; UnusableStoreError when its files cannot be opened
   */
  static async open(path: string, onStall?: (at: StalledAt) => void): Promise<LmdbEnvironment> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await requireUsable(path, MAP_SIZE);
    await requireWholeFile(path);
    await requireTurn(path);
    const root = open({
      path,
      mapSize: MAP_SIZE,
      maxDbs: MAX_TABLES,
      maxReaders: MAX_READERS,
      overlappingSync: false,
      noMemInit: true,
      ...FREE_PAGES,
    });
    const environment = new LmdbEnvironment(root, path, onStall);
    opened += 1;
    try {
      await giveToOwner(path);
      await environment.#agreeOnFormat();
    } catch (error) {
      await root.close();
      opened -= 1;
      throw error;
    }
    return environment;
  }

  /**
   * Copies the environment in the folder `from` at one point in time, without its free space, into
   * the folder `to`. The copy is not synced yet.
   */
  static async copy(from: string, to: string): Promise<void> {
    await requireUsable(from, MAP_SIZE, true);
    const root = open({ path: from, maxDbs: MAX_TABLES, overlappingSync: false, readOnly: true });
    try {
      await giveToOwner(from);
      await root.backup(to, true);
    } finally {
      await root.close();
    }
  }

  /**
   * Copies the environment as it is now, without its free space, into an existing folder; not
   * synced. Others can read and write in the meantime, and pages that they free are not reused
   * before the copy is done.
   */
  copyTo(folder: string): Promise<void> {
    return this.#root.backup(folder, true);
  }

  /** A table with binary keys and values, created if it is missing. */
  table(name: string): Table {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const table = this.#root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
    this.#noteSnapshotsOf(table);
    this.#tables.set(name, table);
    return table;
  }

  /**
   * Sets the watcher, of which there is one, for all further calls of {@link read} and
   * {@link write}.
   */
  watch(watcher: Watcher): void {
    this.#watcher = watcher;
    this.#snapshotIsNew = true;
  }

  /** Adds a recorder, of which there may be several, to all further calls of {@link write}. */
  record(recorder: Recorder): void {
    this.#recorders.push(recorder);
  }

  /** The library reports a new snapshot on whichever table is read first. */
  #noteSnapshotsOf(table: object): void {
    onSnapshot(table, () => {
      this.#snapshotIsNew = true;
    });
  }

  /**
   * Runs `work` in a write transaction and returns its result once that is on disk.
   *
   * Writers of all processes take turns; calls made in the meantime share one commit. A throw does
   * not roll back, so `work` must decide first and write last, and must never await.
   *
   * @throws QuiverError `insufficient-storage`, `not-done` or `unavailable`: nothing has changed;
   *   `unknown` when the disk does not answer in time
   */
  write<Result>(work: () => Result, purpose: Purpose = 'ordinary'): Promise<Result> {
    try {
      this.#requireSpace(purpose);
    } catch (refusal) {
      return Promise.reject(refusal);
    }
    return this.#groups.add(work);
  }

  /**
   * As {@link write}, for writes that free space or control access. They may use reserved space and
   * are done even when other writes are refused.
   */
  writeUpkeep<Result>(work: () => Result): Promise<Result> {
    return this.write(work, 'upkeep');
  }

  async #transact(run: () => void): Promise<void> {
    try {
      await this.#root.transaction(() => {
        this.#watcher?.transactionBegins();
        for (const recorder of this.#recorders) recorder.transactionBegins();
        try {
          run();
          for (const recorder of this.#recorders) recorder.transactionEnds();
        } finally {
          this.#watcher?.transactionEnds();
        }
      });
    } catch (error) {
      this.#watcher?.transactionRefused();
      throw error;
    }
    this.#watcher?.transactionCommitted();
  }

  /** The error for a caller of {@link write} when the engine could not commit. */
  #refusalOf(cause: unknown): unknown {
    this.#space.forget();
    if (this.#space.isDiskLow()) return noSpace(cause);
    return new QuiverError('not-done', 'The store could not write; nothing was changed', {
      cause,
      headers: { 'retry-after': '1' },
    });
  }

  /**
   * Reads everything that any process has acknowledged until now.
   *
   * @param look receives the number of the snapshot that it reads; two reads of the same number see
   *   the same data
   * @throws QuiverError `unavailable` when the engine cannot read
   */
  read<Result>(look: (snapshot: number) => Result): Result {
    try {
      this.#renewSnapshot();
      return look(this.#snapshot);
    } catch (error) {
      if (error instanceof QuiverError) throw error;
      throw new QuiverError('unavailable', 'The store could not be read', {
        cause: error,
        headers: { 'retry-after': '1' },
      });
    }
  }

  /**
   * Announces that a request has arrived, from the callback of the event loop that received it, so
   * that the following reads may share a snapshot.
   *
   * A read must see everything acknowledged before its request was sent. Both runtimes follow one
   * rule:
   *
   * alone     outside of a poll that has received a request, every read takes its own snapshot.
   *           Timers on Node, immediates on Bun, and continuations on both run just before a poll,
   *           and the poll may deliver requests that were sent after their snapshot.
   * sharing   from the first request of a poll until the immediates that follow the poll, all reads
   *           share one snapshot, taken after that request has arrived. All requests of the poll
   *           had arrived when the poll returned, so none was sent after a later write was
   *           acknowledged.
   *
   * This costs one snapshot per poll instead of one per read, which would cost more than the read
   * itself because the library sets a timer for each. A client that sends a second request before
   * the first is answered may see one snapshot with both.
   */
  requestArrives(): void {
    if (this.#requestsArrive) return;
    this.#requestsArrive = true;
    this.#snapshotIsShared = false;
    setImmediate(this.#pollEnds);
  }

  readonly #pollEnds = () => {
    this.#requestsArrive = false;
  };

  /**
   * Releases a snapshot that must not be shared, see {@link requestArrives}; the library would keep
   * it for up to one timer tick.
   */
  #renewSnapshot(): void {
    if (!this.#snapshotIsShared || !this.#requestsArrive) {
      this.#root.resetReadTxn();
      this.#snapshotIsShared = this.#requestsArrive;
    }
    // The library may have released it too, for instance after a commit.
    ensureSnapshot(this.#root);
    if (!this.#snapshotIsNew) return;
    this.#snapshot += 1;
    // Notifies the watcher again of what it could not read before.
    this.#watcher?.snapshotBegins();
    this.#snapshotIsNew = false;
  }

  /**
   * Throws `unavailable` when the store cannot be read or does not accept a write in time, and
   * `insufficient-storage` when it would refuse one.
   */
  async check(): Promise<void> {
    this.read(() => this.#root.getKeysCount({ limit: 1 }));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(notTaken()), CHECK_LIMIT_MS);
    });
    try {
      await Promise.race([this.write(() => undefined), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The names of all tables in the file. */
  tableNames(): string[] {
    return this.read(() => Array.from(this.#root.getKeys(), String));
  }

  /**
   * The living processes, except this one, that have read from the environment and have it open.
   */
  otherReaders(): number[] {
    this.#root.readerCheck();
    const lines = this.#root.readerList().matchAll(/^ *(\d+) /gm);
    return [...new Set(Array.from(lines, ([, pid]) => Number(pid)))].filter((pid) => pid !== process.pid);
  }

  /** Whether space should be recovered wherever possible. */
  isSpaceScarce(): boolean {
    return this.#space.look() !== 'ample';
  }

  /** Size of a page in bytes. */
  pageBytes(): number {
    return filePages(this.#root).pageBytes;
  }

  /** Size of the file, including free space in it, which is used again. */
  fileBytes(): number {
    return statSync(join(this.#path, STORE_FILE)).size;
  }

  #requireSpace(purpose: Purpose): void {
    if (purpose === 'ordinary' && this.#space.look() === 'low') throw noSpace();
  }

  /** How much of the file is free, in bytes. */
  freeBytes(): number {
    return this.#freePageBytes();
  }

  /** The size of the pages in the file that belong to no tree. */
  #freePageBytes(): number {
    return this.read(() => {
      const { pageBytes, pages, unnamed } = filePages(this.#root);
      let used = unnamed + META_PAGES;
      for (const name of this.#root.getKeys()) used += treePages(this.table(String(name))).pages;
      return Math.max(0, (pages - used) * pageBytes - this.#holeBytes());
    });
  }

  /**
   * Bytes of the file that the disk has not allocated yet, because their pages were never written.
   * Using them takes disk space.
   */
  #holeBytes(): number {
    const { size, blocks } = statSync(join(this.#path, STORE_FILE));
    // Windows does not count blocks.
    return blocks ? Math.max(0, size - blocks * BLOCK_BYTES) : 0;
  }

  async #agreeOnFormat(): Promise<void> {
    const before = this.tableNames();
    const meta = this.table('meta');
    const found = meta.get(FORMAT_KEY);
    if (found === undefined && before.some((name) => name !== 'meta')) throw tableLost('meta');
    const noted = notedTables(meta);
    const names = new Set(this.tableNames());
    for (const name of noted) if (!names.has(name)) throw tableLost(name);
    const version = found?.[0] ?? (await this.write(() => this.#claimFormat(meta)));
    if (version !== FORMAT_VERSION)
      throw new StoreFormatError(this.#path, version, FORMAT_VERSION, FORMAT_VERSION);
    checkReading(this.#root, meta, FORMAT_KEY);
  }

  /**
   * Records which tables there are, so that one whose name is lost by damage is not made anew, and
   * its content taken for missing, see {@link open}.
   */
  async noteTables(): Promise<void> {
    const meta = this.table('meta');
    const noted = new Set(notedTables(meta));
    const names = this.tableNames();
    if (names.every((name) => noted.has(name))) return;
    await this.writeUpkeep(() => meta.putSync(TABLES_KEY, Buffer.from(names.join('\n'))));
  }

  /**
   * Of several processes that start on an empty folder, the first writes the version and the others
   * read it.
   */
  #claimFormat(meta: Table): number {
    const found = meta.get(FORMAT_KEY);
    if (found) return found[0]!;
    checkWriting(this.table('scratch'));
    meta.putSync(FORMAT_KEY, Buffer.from([FORMAT_VERSION]));
    return FORMAT_VERSION;
  }

  /** Waits for queued writes and closes. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#flushAndClose();
    return this.#closing;
  }

  async #flushAndClose(): Promise<void> {
    // Closing during a write crashes the process; an empty transaction returns when all earlier
    // ones are done.
    await this.#groups.drained();
    await this.#root.transaction(() => undefined);
    await this.#root.close();
    opened -= 1;
  }
}

function notedTables(meta: Table): string[] {
  const noted = meta.get(TABLES_KEY)?.toString('utf8') ?? '';
  return noted === '' ? [] : noted.split('\n');
}

function tableLost(name: string): StoreDamagedError {
  return new StoreDamagedError(`the store is damaged: its table ${name} is missing; restore a backup`);
}
