/**
 * Everything that this engine uses of `lmdb` beyond its published types, in one place, with a check
 * at start that all of it exists and works as expected. No other file casts a table or a root
 * database.
 */

import type { Database, RootDatabase } from 'lmdb';

/** A table with binary keys and values. */
export type Table = Database<Buffer, Buffer>;

/** The size of one tree in pages. */
export interface TreePages {
  readonly entries: number;
  readonly pages: number;
}

interface TreeStats {
  readonly pageSize: number;
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface Unlisted {
  readonly lastSize: number;
  readonly db: { stat(): TreeStats };
  getStats(): TreeStats & {
    readonly root: TreeStats;
    readonly free: TreeStats;
    readonly lastPageNumber: number;
  };
  ensureReadTxn(): void;
  addListener(event: 'begin-transaction', listener: () => void): void;
  removeListener(event: 'begin-transaction', listener: () => void): void;
}

/**
 * A reusable value buffer that is longer than the value; `lmdb` uses the bytes from `start` to
 * `end`.
 */
export type PartlyUsed = Buffer & { start: number; end: number };

/** Options of `open` that are missing from the types. */
export interface UnlistedOptions {
  /**
   * How many entries of the list of free pages are read at a time, and how many of them are kept.
   */
  readonly maxFreeSpaceToLoad: number;
  readonly maxFreeSpaceToRetain: number;
}

const unlisted = (table: unknown) => table as Unlisted;

/** The length of the value that `getBinaryFast` has just lent; the buffer itself is longer. */
export function lengthOfLast(table: Table): number {
  return unlisted(table).lastSize;
}

/** Starts a read transaction unless one is open. */
export function ensureSnapshot(root: RootDatabase): void {
  unlisted(root).ensureReadTxn();
}

/** Calls `listener` whenever a read of this table starts a read transaction. */
export function onSnapshot(table: unknown, listener: () => void): void {
  unlisted(table).addListener('begin-transaction', listener);
}

/**
 * Appends after the last key of the table. Returns false and writes nothing if `key` would not be
 * the last.
 */
export function putLast(table: Table, key: Buffer, value: Buffer): boolean {
  const done: unknown = table.putSync(key, value, { append: true });
  return done === true;
}

/** A reusable value buffer; set its `end` before each use. */
export function partlyUsed(size: number): PartlyUsed {
  // `allocUnsafeSlow`, because the library needs a buffer that starts at the beginning of its
  // memory.
  return Object.assign(Buffer.allocUnsafeSlow(size), { start: 0, end: 0 });
}

/** The size of one table. */
export function treePages(table: Table): TreePages {
  return pagesOf(unlisted(table).db.stat());
}

/**
 * The size of the file in pages, the size of a page in bytes, and the size of the trees without a
 * table name.
 */
export function filePages(root: RootDatabase): {
  readonly pageBytes: number;
  readonly pages: number;
  readonly unnamed: number;
} {
  const stats = unlisted(root).getStats();
  return {
    pageBytes: stats.pageSize,
    pages: stats.lastPageNumber + 1,
    unnamed: pagesOf(stats.root).pages + pagesOf(stats.free).pages,
  };
}

function pagesOf(stats: TreeStats): TreePages {
  return {
    entries: stats.entryCount,
    pages: stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages,
  };
}

/**
 * Checks that `lmdb` still has everything that this file uses for reading.
 *
 * @param key of a value of one byte in the table
 * @throws Error naming the member that is missing or behaves differently
 */
export function checkReading(root: RootDatabase, table: Table, key: Buffer): void {
  const { ensureReadTxn } = unlisted(root);
  requireAll([
    ['lastSize', () => table.getBinaryFast(key) !== undefined && lengthOfLast(table) === 1],
    ['stat', () => treePages(table).entries > 0 && treePages(table).pages > 0],
    ['getStats', () => filePages(root).pages > 0 && filePages(root).pageBytes >= 512],
    ['ensureReadTxn', () => typeof ensureReadTxn === 'function'],
    ['begin-transaction', () => tellsOfSnapshot(root, table, key)],
  ]);
}

/** Whether a listener is called when a read of a table starts a read transaction. */
function tellsOfSnapshot(root: RootDatabase, table: Table, key: Buffer): boolean {
  let isTold = false;
  const listener = () => {
    isTold = true;
  };
  unlisted(table).addListener('begin-transaction', listener);
  root.resetReadTxn();
  table.getBinaryFast(key);
  unlisted(table).removeListener('begin-transaction', listener);
  return isTold;
}

/**
 * As {@link checkReading}, for writing; within a write transaction.
 * @param scratch an empty table, empty again afterwards
 */
export function checkWriting(scratch: Table): void {
  const [first, second] = [Buffer.from([0]), Buffer.from([1])];
  const value = partlyUsed(64);
  value.fill(7);
  value.end = 3;
  requireAll([
    ['putSync with append', () => putLast(scratch, second, value) && !putLast(scratch, first, value)],
    ['start and end of a value', () => scratch.getBinary(second)?.length === 3],
  ]);
  scratch.removeSync(second);
}

function requireAll(expectations: readonly (readonly [string, () => boolean])[]): void {
  for (const [name, isMet] of expectations) {
    if (!isMet()) throw new Error(`lmdb has changed: ${name} is not what it was`);
  }
}
