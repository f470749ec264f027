/**
 * Checks conditions before the engine opens its files, because otherwise the engine would end the
 * process with a signal instead of an error. Also ensures that the owner of the folder can use the
 * files afterwards, even if an administrator has opened them.
 */

import { constants } from 'node:fs';
import { access, lchown, lstat, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCK_FILE } from '../store-file-names.ts';
import { UnusableStoreError } from '../unusable-store-error.ts';

/** The engine's files in the folder of a store. */
export const STORE_FILE = 'data.mdb';

const { R_OK, W_OK, X_OK } = constants;
const GiB = 1024 ** 3;

/**
 * Checks whether the engine can open a store.
 *
 * @param path the folder
 * @param mapSize bytes of address space that it will map
 * @param readOnly whether the records are only read; the lock file is written in any case
 * @throws UnusableStoreError when it cannot
 */
export async function requireUsable(path: string, mapSize: number, readOnly = false): Promise<void> {
  await requireFile(join(path, STORE_FILE), readOnly ? R_OK : R_OK | W_OK);
  const hasLock = await requireFile(join(path, LOCK_FILE), R_OK | W_OK);
  if (!hasLock) await requireAccess(path, W_OK | X_OK);
  await requireAddresses(mapSize);
}

/** @returns whether the file exists */
async function requireFile(file: string, mode: number): Promise<boolean> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new UnusableStoreError(error.code ?? '', `${file} cannot be looked at: ${error.code}`);
  });
  if (found === undefined) return false;
  // The engine would follow it, and write to whatever it leads to.
  if (found.isSymbolicLink()) throw new UnusableStoreError('ELOOP', `${file} is a link and not a file`);
  if (!found.isFile()) throw new UnusableStoreError('EISDIR', `${file} is not a file`);
  await requireAccess(file, mode);
  return true;
}

async function requireAccess(path: string, mode: number): Promise<void> {
  try {
    await access(path, mode);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const { uid } = await stat(path).catch(() => ({ uid: undefined }));
    const needed = (mode & W_OK) === 0 ? 'read' : 'read and write';
    const owner = uid === undefined ? '' : `; it belongs to user ${uid}`;
    const user = process.getuid?.();
    const message = `${path}: user ${user} must be able to ${needed} it, and cannot (${code})${owner}`;
    throw new UnusableStoreError(code, message);
  }
}

/** On systems that do not report their limits, nothing is refused. */
async function requireAddresses(mapSize: number): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const limit = Number(/^Max address space +(\d+) /m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (limit === Number.POSITIVE_INFINITY) return;
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const used = Number(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  if (limit - used >= mapSize) return;
  const text = `a process may have ${(limit / GiB).toFixed(1)} GiB of addresses, ${(used / GiB).toFixed(1)} are in use`;
  const advice = 'ulimit -v unlimited, or LimitAS=infinity for a unit of systemd';
  throw new UnusableStoreError(
    'ENOMEM',
    `${text}, and the embedded store maps ${mapSize / GiB} GiB: ${advice}`,
  );
}

/**
 * Gives the engine's files to the owner of their folder, when an administrator has just created
 * them.
 *
 * @param filesIn the folder of the files, if it is another
 */
export async function giveToOwner(path: string, filesIn = path): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(path);
  if (uid === 0) return;
  for (const name of [STORE_FILE, LOCK_FILE]) {
    await lchown(join(filesIn, name), uid, gid).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}
