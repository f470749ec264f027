/**
 * One opened LMDB environment: its tables, its format, its writes, its end.
 *
 * Durability: `overlappingSync` is off, so a write promise resolves after the fsync of its commit,
 * and one that rejects has left nothing behind; measured as fast as the overlapping mode, which
 * needs a second promise and leaves failures open. Never `noSync`, `useWritemap` or `mapAsync`:
 * each loses acknowledged writes at a power cut.
 *
 * The file is long because all that touches the opened environment itself is in it.
 */

import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { QuiverError } from '../../errors.ts';
import { stuckHolderProblem, stuckWriterLockHolder } from '../../locks/writer-lock.ts';
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
 * Whoever keeps in memory what it has read of the environment, and so must know when there is
 * something new to read.
 */
export interface Watcher {
  /** A new snapshot is about to be read from; what another process has committed may be in it. */
  snapshotBegins(): void;
  /** A write transaction begins: it alone reads and writes until it ends. */
  transactionBegins(): void;
  /** Nothing more is written in the transaction; it is not committed yet. */
  transactionEnds(): void;
  /** The last transaction is on disk. */
  transactionCommitted(): void;
  /** The engine has not committed the last transaction. */
  transactionRefused(): void;
}

/** Whoever adds something of its own to write transactions. */
export interface Recorder {
  transactionBegins(): void;
  /** The works of the transaction are done; what is written now is committed with them. */
  transactionEnds(): void;
}

/** The format this program writes; see `docs/decisions/` for what each version changed. */
export const FORMAT_VERSION = 5;

/** Pages at the beginning of the file that lead to all others. */
const META_PAGES = 2;
/** The unit in which the system counts what a file takes on the disk. */
const BLOCK_BYTES = 512;
const FORMAT_KEY = Buffer.from('format');
/** Virtual only: the file grows as it is written. Beyond it the engine maps more by itself. */
const MAP_SIZE = 256 * 1024 ** 3;
const MAX_READERS = 1024;
const MAX_TABLES = 32;
/**
 * How many free pages the engine looks for at a time. It writes the list of those that it has not
 * used with every commit, and by its own default, 50,000, that costs milliseconds after much was
 * freed: updates ran at a third of their rate and below.
 */
const FREE_PAGES: UnlistedOptions = { maxFreeSpaceToLoad: 2000, maxFreeSpaceToRetain: 4000 };
/** What a write is for. */
type Purpose = 'ordinary' | 'upkeep';

/**
 * How long a check waits for an empty write, in milliseconds: less than those who probe are used to
 * wait.
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
 * To open an environment takes a write transaction, and the engine blocks the whole process until
 * it gets its turn: nobody may ask for it behind a process that does not go on. Who holds the lock
 * is asked only before this process has opened a store.
 *
 * @throws UnusableStoreError when another process holds the writer lock and does not go on
 */
async function requireTurn(path: string): Promise<void> {
  if (opened > 0) return;
  const file = join(path, LOCK_FILE);
  const holder = await stuckWriterLockHolder(file);
  if (holder) throw new UnusableStoreError('EBUSY', stuckHolderProblem(file, holder));
}

/** The settings that durability and concurrency rest on, for people. */
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
  /** Counts the snapshots that were taken. */
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
   * Opens the environment in the folder `path`, which is made when missing.
   *
   * @param onStall called when writes do not end, see `commit-groups.ts`
   * @throws StoreFormatError when a program of another format wrote it; UnusableStoreError when its
   *   files cannot be opened
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
   * Copies the environment in the folder `from` as it is at one moment, without its free space,
   * into the folder `to`; not synced yet.
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
   * Copies the environment as it is now, without its free space, into a folder that is there; not
   * synced. Others read and write meanwhile, and what they free is not used again before the copy
   * is made.
   */
  copyTo(folder: string): Promise<void> {
    return this.#root.backup(folder, true);
  }

  /** A table with binary keys and values; made when missing. */
  table(name: string): Table {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const table = this.#root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
    this.#noteSnapshotsOf(table);
    this.#tables.set(name, table);
    return table;
  }

  /** Tells a watcher, of which there is one, from the next {@link read} and {@link write} on. */
  watch(watcher: Watcher): void {
    this.#watcher = watcher;
    this.#snapshotIsNew = true;
  }

  /** Tells a recorder, of which there may be several, of every {@link write} from the next on. */
  record(recorder: Recorder): void {
    this.#recorders.push(recorder);
  }

  /** Whichever table is read first after a snapshot was let go, the library says so there. */
  #noteSnapshotsOf(table: object): void {
    onSnapshot(table, () => {
      this.#snapshotIsNew = true;
    });
  }

  /**
   * Runs `work` in a write transaction and returns its result once that is on disk.
   *
   * Writers of all processes take turns; calls made meanwhile share one commit. A throw does not
   * roll back, so `work` decides first and writes last, and never awaits.
   *
   * @throws QuiverError `insufficient-storage`, `not-done` or `unavailable`; nothing has changed then. `unknown` when the disk does not
   *   answer in time
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
   * As {@link write}, for what frees space or guards access: it has a reserve of space, and is done
   * when other writes are refused.
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

  /** What a caller of {@link write} gets when the engine could not commit. */
  #refusalOf(cause: unknown): unknown {
    this.#space.forget();
    if (this.#space.isDiskLow()) return noSpace(cause);
    return new QuiverError('not-done', 'The store could not write; nothing was changed', {
      cause,
      headers: { 'retry-after': '1' },
    });
  }

  /**
   * Reads what every process has acknowledged until now.
   *
   * @param look told the number of the snapshot it reads from: as long as that is the same, so is
   *   all there is to read
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
   * Says that a request has arrived, in the callback of the event loop that has received it: the
   * reads that follow may share a snapshot.
   *
   * A read must see all that was acknowledged before the request behind it was sent. Two runtimes,
   * one rule:
   *
   *   alone     outside of a poll that has received a request, every read takes a snapshot of its own. Timers on Node, immediates on
   *             Bun, and continuations of both run just before a poll, and the poll may bring requests that were sent after
   *             their snapshot.
   *   sharing   from the first request of a poll until the immediates that follow the poll, all reads share one snapshot, taken after
   *             that request has arrived. What the poll brings had arrived when the poll returned, so nobody in it can have
   *             been told of a later write.
   *
   * Traded: one snapshot for each poll under load, not one for each read, which costs more than the
   * read itself because the library sets a timer for each. A client that sends a second request
   * before the first is answered may find that both see one snapshot.
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
   * Lets go of a snapshot that may not be shared, see {@link requestArrives}; the library keeps one
   * for up to a timer's tick.
   */
  #renewSnapshot(): void {
    if (!this.#snapshotIsShared || !this.#requestsArrive) {
      this.#root.resetReadTxn();
      this.#snapshotIsShared = this.#requestsArrive;
    }
    // The library may have let go of it too, after a commit for instance.
    ensureSnapshot(this.#root);
    if (!this.#snapshotIsNew) return;
    this.#snapshot += 1;
    // What a watcher could not take in it is offered again.
    this.#watcher?.snapshotBegins();
    this.#snapshotIsNew = false;
  }

  /**
   * Throws `unavailable` when the store cannot be read or does not take a write in time,
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

  /** The names of all tables that the file has. */
  tableNames(): string[] {
    return this.read(() => Array.from(this.#root.getKeys(), String));
  }

  /**
   * The living processes that have read from the environment and have it open, without this one.
   */
  otherReaders(): number[] {
    this.#root.readerCheck();
    const lines = this.#root.readerList().matchAll(/^ *(\d+) /gm);
    return [...new Set(Array.from(lines, ([, pid]) => Number(pid)))].filter((pid) => pid !== process.pid);
  }

  /** Whether space should be taken back wherever it can be. */
  isSpaceScarce(): boolean {
    return this.#space.look() !== 'ample';
  }

  /** Bytes of a page. */
  pageBytes(): number {
    return filePages(this.#root).pageBytes;
  }

  /** The size of the file; what is free within it is used again. */
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

  /** What the pages of the file come to that no tree has. */
  #freePageBytes(): number {
    return this.read(() => {
      const { pageBytes, pages, unnamed } = filePages(this.#root);
      let used = unnamed + META_PAGES;
      for (const name of this.#root.getKeys()) used += treePages(this.table(String(name))).pages;
      return Math.max(0, (pages - used) * pageBytes - this.#holeBytes());
    });
  }

  /**
   * Bytes of the file that the disk does not hold yet, because their pages were never written: to
   * use them takes space.
   */
  #holeBytes(): number {
    const { size, blocks } = statSync(join(this.#path, STORE_FILE));
    // Windows counts no blocks.
    return blocks ? Math.max(0, size - blocks * BLOCK_BYTES) : 0;
  }

  async #agreeOnFormat(): Promise<void> {
    const meta = this.table('meta');
    const found = meta.get(FORMAT_KEY);
    const version = found?.[0] ?? (await this.write(() => this.#claimFormat(meta)));
    if (version !== FORMAT_VERSION)
      throw new StoreFormatError(this.#path, version, FORMAT_VERSION, FORMAT_VERSION);
    checkReading(this.#root, meta, FORMAT_KEY);
  }

  /**
   * Of several processes that start on an empty folder the first writes the version, the others
   * read it.
   */
  #claimFormat(meta: Table): number {
    const found = meta.get(FORMAT_KEY);
    if (found) return found[0]!;
    checkWriting(this.table('scratch'));
    meta.putSync(FORMAT_KEY, Buffer.from([FORMAT_VERSION]));
    return FORMAT_VERSION;
  }

  /** Waits for queued writes and closes; the second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#flushAndClose();
    return this.#closing;
  }

  async #flushAndClose(): Promise<void> {
    // To close with writes under way crashes the process; an empty transaction returns when all
    // before it are done.
    await this.#groups.drained();
    await this.#root.transaction(() => undefined);
    await this.#root.close();
    opened -= 1;
  }
}
