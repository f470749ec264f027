/**
 * Examines the file of a store before the engine maps it. If the file was cut short, the engine
 * would access memory that does not exist, and the process would crash.
 *
 * The file records how many pages were ever in use, but an intact file can be shorter: pages at its
 * end that were used and freed within one transaction are never written. So it must at least
 * contain the roots of its two trees, which are always written. A cut behind both roots is found
 * when the missing part is read.
 *
 * Every page starts with its own number. The number is checked for all roots, including those of
 * the tables: with another page in place of its root, a whole table would look empty, and no later
 * check could tell that from an empty table.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { StoreDamagedError } from '../store-damaged-error.ts';
import { STORE_FILE } from './usable-files.ts';

/** How each of the two pages at the start of the file begins, after its page header. */
const MAGIC = Buffer.from([0xde, 0xc0, 0xef, 0xbe]);
const HEAD_BYTES = 8192;
const LOOK_EVERY_MS = 50;
const MOST_LOOKS = 10;
/** Offsets from the magic. */
const PAGE_BYTES_AT = 24;
/**
 * The root pages of the tree of free pages and of the tree of tables; all bits are set if a tree is
 * empty.
 */
const ROOTS_AT = [64, 112];
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const TRANSACTION_AT = 128;

/**
 * Checks that a store's file contains the pages that the engine reads first.
 *
 * @param path the folder of the store; without a file in it there is nothing to check
 * @throws StoreDamagedError when the file is cut short or does not start like a store
 */
export async function requireWholeFile(path: string): Promise<void> {
  for (let look = 1; ; look += 1) {
    try {
      await requireWholeOnce(path);
      return;
    } catch (error) {
      // Another process may be creating the file at this moment.
      if (look === MOST_LOOKS || !(error instanceof StoreDamagedError)) throw error;
      await setTimeout(LOOK_EVERY_MS);
    }
  }
}

async function requireWholeOnce(path: string): Promise<void> {
  const file = join(path, STORE_FILE);
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    const { size } = await handle.stat();
    const newest = bytesRead === HEAD_BYTES ? newestMeta(head) : undefined;
    if (newest === undefined) {
      throw new StoreDamagedError(`${file} does not begin as a store does; restore a backup`);
    }
    const needed = (Math.max(1, ...newest.roots) + 1) * newest.pageBytes;
    if (size < needed) {
      throw new StoreDamagedError(
        `${file} is cut short: it has ${size} bytes and needs ${needed} or more; restore a backup`,
      );
    }
    await requireRoots(handle, file, newest);
  } finally {
    await handle.close();
  }
}

interface Meta {
  readonly pageBytes: number;
  /** The roots of the trees that are not empty; the root of the tables is last. */
  readonly roots: readonly number[];
  readonly hasTables: boolean;
}

/**
 * The newer of the two pages that locate the trees; undefined if one is missing. The other one may
 * then be of an earlier transaction, and later acknowledged writes would be lost.
 */
function newestMeta(head: Buffer): Meta | undefined {
  let newest = -1;
  let count = 0;
  let meta: Meta | undefined;
  for (let from = 0; ; ) {
    const at = head.indexOf(MAGIC, from);
    if (at === -1 || at + TRANSACTION_AT + 8 > head.length) return count === 2 ? meta : undefined;
    count += 1;
    from = at + MAGIC.length;
    const transaction = Number(head.readBigUInt64LE(at + TRANSACTION_AT));
    if (transaction <= newest) continue;
    newest = transaction;
    const roots = ROOTS_AT.map((place) => head.readBigUInt64LE(at + place));
    meta = {
      pageBytes: head.readUInt32LE(at + PAGE_BYTES_AT),
      roots: roots.filter((root) => root !== NO_PAGE).map(Number),
      hasTables: roots[1] !== NO_PAGE,
    };
  }
}

/**
 * A page: its number, the transaction that wrote it, four numbers of two bytes, then the offsets of
 * its nodes. Offsets count from the end of this header.
 */
const PAGE_HEAD_BYTES = 24;
const PAGE_FLAGS_AT = 18;
const PLACES_BYTES_AT = 20;
const LEAF = 0x02;
/** A node: its size in four bytes, flags, length of the key, key, value. */
const NODE_HEAD_BYTES = 8;
const NODE_FLAGS_AT = 4;
const KEY_LENGTH_AT = 6;
/** The value describes a table; the offset of its root. */
const IS_TABLE = 0x02;
const TABLE_ROOT_AT = 40;

/** @throws StoreDamagedError when another page is in the place of a root */
async function requireRoots(
  handle: FileHandle,
  file: string,
  { pageBytes, roots, hasTables }: Meta,
): Promise<void> {
  const page = Buffer.alloc(pageBytes);
  const requirePage = async (number: number): Promise<void> => {
    const { bytesRead } = await handle.read(page, 0, pageBytes, number * pageBytes);
    if (bytesRead === pageBytes && Number(page.readBigUInt64LE(0)) === number) return;
    throw new StoreDamagedError(
      `${file} is damaged: page ${number} is not what was written; restore a backup`,
    );
  };
  for (const root of roots) await requirePage(root);
  if (!hasTables) return;
  for (const root of rootsOfTables(page)) await requirePage(root);
}

/** The roots of all tables, if the page that lists them is the only page of its tree. */
function rootsOfTables(page: Buffer): number[] {
  if ((page.readUInt16LE(PAGE_FLAGS_AT) & LEAF) === 0) return [];
  const end = Math.min(PAGE_HEAD_BYTES + page.readUInt16LE(PLACES_BYTES_AT), page.length);
  const roots: number[] = [];
  for (let place = PAGE_HEAD_BYTES; place + 2 <= end; place += 2) {
    const node = PAGE_HEAD_BYTES + page.readUInt16LE(place);
    if (node + NODE_HEAD_BYTES > page.length) continue;
    const root = node + NODE_HEAD_BYTES + page.readUInt16LE(node + KEY_LENGTH_AT) + TABLE_ROOT_AT;
    if ((page.readUInt16LE(node + NODE_FLAGS_AT) & IS_TABLE) === 0 || root + 8 > page.length) continue;
    const number = page.readBigUInt64LE(root);
    if (number !== NO_PAGE) roots.push(Number(number));
  }
  return roots;
}
