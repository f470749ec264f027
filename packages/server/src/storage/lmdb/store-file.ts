/**
 * Looks at the file of a store before the engine maps it: in a file that is cut short it would touch what is not there, and the
 * process would end.
 *
 * The file says how many pages were ever in use, but it may be shorter in good health: pages at its end that were used and freed
 * within one transaction are never written. So it must be long enough for the roots of its two trees, which are always written. A
 * cut that leaves both in place is found when what was behind it is read.
 */

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { StoreDamagedError } from '../store-damaged-error.ts';
import { STORE_FILE } from './usable-files.ts';

/** How each of the two pages at the beginning of the file begins, behind its page header. */
const MAGIC = Buffer.from([0xde, 0xc0, 0xef, 0xbe]);
const HEAD_BYTES = 8192;
const LOOK_EVERY_MS = 50;
const MOST_LOOKS = 10;
/** Places behind the magic. */
const PAGE_BYTES_AT = 24;
/** The root pages of the tree of free pages and of the tree of tables; all bits are set for a tree that is empty. */
const ROOTS_AT = [64, 112];
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const TRANSACTION_AT = 128;

/**
 * Checks that a store's file has the pages that the engine looks at first.
 *
 * @param path the folder of the store; when it has no file there is nothing to check
 * @throws StoreDamagedError when the file is cut short or does not begin as a store does
 */
export async function requireWholeFile(path: string): Promise<void> {
  for (let look = 1; ; look += 1) {
    try {
      await requireWholeOnce(path);
      return;
    } catch (error) {
      // Another process may be making the file just now.
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
    const needed = bytesRead === HEAD_BYTES ? bytesNeeded(head) : undefined;
    if (needed === undefined) {
      throw new StoreDamagedError(`${file} does not begin as a store does; restore a backup`);
    }
    if (size < needed) {
      throw new StoreDamagedError(
        `${file} is cut short: it has ${size} bytes and needs ${needed} or more; restore a backup`,
      );
    }
  } finally {
    await handle.close();
  }
}

/** How long a file must at least be, by the newer of the two pages that say so; undefined when neither does. */
function bytesNeeded(head: Buffer): number | undefined {
  let newest = -1;
  let needed: number | undefined;
  for (let from = 0; ; ) {
    const at = head.indexOf(MAGIC, from);
    if (at === -1 || at + TRANSACTION_AT + 8 > head.length) return needed;
    from = at + MAGIC.length;
    const transaction = Number(head.readBigUInt64LE(at + TRANSACTION_AT));
    if (transaction <= newest) continue;
    newest = transaction;
    const roots = ROOTS_AT.map((place) => head.readBigUInt64LE(at + place)).filter(
      (root) => root !== NO_PAGE,
    );
    needed = (Math.max(1, ...roots.map(Number)) + 1) * head.readUInt32LE(at + PAGE_BYTES_AT);
  }
}
