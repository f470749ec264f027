/**
 * `quiver compact`: frees disk space that the embedded store no longer needs.
 *
 * The engine never shrinks an open file, so the store is rewritten. Live records of the log are
 * appended again where much of a section is dead. The store is copied without its free pages into a
 * new file, and the copy is read through. One rename then replaces the old file. Until that rename
 * nothing has changed; a crash leaves a folder that the next call removes.
 */

import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServeConfig } from '../config/config.ts';
import { lockDataFolder } from '../locks/data-folder-lock.ts';
import { type CompactedStore, compactEmbeddedStore, hasEmbeddedStore } from '../server.ts';
import { DataFolderFailure } from './data-folder-failure.ts';
import { STORE_FOLDER } from './data-folder-names.ts';
import { inspectApart } from './inspect-store.ts';
import { requireStopped } from './require-stopped.ts';

const DRAFT = '.compacting-';

/**
 * Shrinks the store of a data folder to the size of its content.
 *
 * @throws DataFolderInUse when a server, a backup or the doctor is using the folder
 * @throws DataFolderFailure when there is no embedded store
 * @throws StoreDamagedError when the store is damaged; it is left unchanged
 */
export async function compact({ dataDir, store }: ServeConfig): Promise<CompactedStore> {
  if (store.kind !== 'lmdb') {
    throw new DataFolderFailure(
      'wrong-use',
      'compact only works on the embedded store; Redis has its own tools',
    );
  }
  const path = join(dataDir, STORE_FOLDER);
  if (!hasEmbeddedStore(path)) throw new DataFolderFailure('refused', `there is no store in ${dataDir}`);
  // From here on, no server, backup or doctor is using the folder or can start to.
  const lock = await lockDataFolder(dataDir, 'compact');
  try {
    await requireStopped(dataDir);
    for (const name of await readdir(dataDir)) {
      if (name.startsWith(DRAFT)) await rm(join(dataDir, name), { recursive: true });
    }
    // In a separate process, because reading a truncated file may end it with a signal.
    await inspectApart(path);
    const draft = join(dataDir, `${DRAFT}${randomBytes(6).toString('hex')}`);
    try {
      return await compactEmbeddedStore(path, draft);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  } finally {
    await lock.release();
  }
}
