/**
 * `quiver compact`: gives the disk back what the embedded store no longer needs.
 *
 * The engine never makes an open file shorter, so the store is rewritten: what is still live of
 * the log is appended again where much of a stretch is dead, the whole is copied without its free
 * pages into a new file beside it, the copy is read through, and then takes the place of the old
 * file by one rename. Until the rename nothing has changed; a crash leaves a folder that the next
 * call removes.
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
 * Makes the store of a data folder as small as what it holds.
 *
 * @throws DataFolderInUse when a server, a backup or the doctor is at work in the folder
 * @throws DataFolderFailure when there is no embedded store
 * @throws StoreDamagedError when the store is damaged; it is left as it is
 */
export async function compact({ dataDir, store }: ServeConfig): Promise<CompactedStore> {
  if (store.kind !== 'lmdb') {
    throw new DataFolderFailure('wrong-use', 'compact is for the embedded store; Redis has its own means');
  }
  const path = join(dataDir, STORE_FOLDER);
  if (!hasEmbeddedStore(path)) throw new DataFolderFailure('refused', `there is no store in ${dataDir}`);
  // From here on no server, backup or doctor begins in the folder, and none is at work there.
  const lock = await lockDataFolder(dataDir, 'compact');
  try {
    await requireStopped(dataDir);
    for (const name of await readdir(dataDir)) {
      if (name.startsWith(DRAFT)) await rm(join(dataDir, name), { recursive: true });
    }
    // In a process of its own, which a file that is cut short may end with a signal.
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
