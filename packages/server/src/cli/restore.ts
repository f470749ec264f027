/** `quiver restore`: restores a backup into the data folder. */

import { randomBytes } from 'node:crypto';
import { chmod, cp, lchown, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ServeConfig } from '../config/config.ts';
import { isClaim } from '../locks/claims.ts';
import { lockDataFolder } from '../locks/data-folder-lock.ts';
import { hasEmbeddedStore, inspectEmbeddedStore, renewChangeFeed } from '../server.ts';
import { syncFolder } from '../storage/sync-folder.ts';
import { type BackupManifest, checkBackup } from './backup-folder.ts';
import { DataFolderFailure } from './data-folder-failure.ts';
import { BATCHES_FOLDER, STORE_FOLDER } from './data-folder-names.ts';
import { isDamaged, requireStopped } from './require-stopped.ts';
import { keepSuppressed } from './restore-suppressions.ts';

/** The result of a restore. */
export interface Restored {
  readonly manifest: BackupManifest;
  /** Where the old content of the data folder is now; undefined when it was empty. */
  readonly keptAside: string | undefined;
  /** How many profiles were left out because they must not be stored (contract section 22). */
  readonly suppressed: number;
}

/**
 * Restores a backup into the data folder.
 *
 * The backup is copied next to the existing content and checked. Only then it replaces that
 * content, by renames within the folder (which may be a mount point, so it cannot be renamed
 * itself). If the power fails between two renames, everything still exists under one of two names.
 *
 * @param force whether to replace a data folder that is not empty; the old content is kept aside
 * @throws DataFolderInUse when a server, a backup or the doctor is using the folder
 * @throws DataFolderFailure when the folder is not empty, or the backup is incomplete
 */
export async function restore(config: ServeConfig, source: string, force: boolean): Promise<Restored> {
  const { dataDir, store } = config;
  if (store.kind !== 'lmdb') {
    throw new DataFolderFailure(
      'wrong-use',
      'restore only works on the embedded store; restore Redis with its own tools',
    );
  }
  const from = resolve(source);
  if (from === dataDir) throw new DataFolderFailure('refused', `${from} is the data folder itself`);
  const manifest = await checkBackup(from);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // From here on, no server, backup or doctor is using the folder or can start to.
  const lock = await lockDataFolder(dataDir, 'restore');
  try {
    return await replace(config, from, manifest, force);
  } finally {
    await lock.release();
  }
}

async function replace(
  config: ServeConfig,
  from: string,
  manifest: BackupManifest,
  force: boolean,
): Promise<Restored> {
  const { dataDir } = config;
  const present = (await readdir(dataDir)).filter((name) => !isAside(name));
  if (present.length > 0) await requireStopped(dataDir);
  if (present.length > 0 && !force) {
    throw new DataFolderFailure(
      'refused',
      `${dataDir} is not empty; with --force it is kept aside and replaced`,
    );
  }
  const draft = join(dataDir, `.restoring-${randomBytes(6).toString('hex')}`);
  try {
    await copyOut(from, draft, manifest);
    const store = join(dataDir, STORE_FOLDER);
    const isReadable = hasEmbeddedStore(store) && !(await isDamaged(store));
    const suppressed = await keepSuppressed(config, isReadable ? dataDir : draft, draft);
    await giveToOwner(draft, dataDir);
    const keptAside = present.length > 0 ? join(dataDir, `${ASIDE}${Date.now()}`) : undefined;
    if (keptAside !== undefined) {
      await mkdir(keptAside, { mode: 0o700 });
      await giveToOwner(keptAside, dataDir);
      for (const name of present) await rename(join(dataDir, name), join(keptAside, name));
    }
    // The store comes last, so that an interrupted restore never serves old profiles with new keys.
    for (const name of (await readdir(draft)).sort((a) => (a === STORE_FOLDER ? 1 : -1))) {
      await rename(join(draft, name), join(dataDir, name));
    }
    await syncFolder(dataDir);
    return { manifest, keptAside, suppressed };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Entries that stay in place: locks, leftovers of earlier restores, and what every new ext4 disk
 * contains.
 */
function isAside(name: string): boolean {
  return name.startsWith(ASIDE) || name.startsWith('.restoring-') || name === 'lost+found' || isClaim(name);
}
const ASIDE = 'before-restore-';

async function copyOut(from: string, draft: string, { files }: BackupManifest): Promise<void> {
  await mkdir(join(draft, BATCHES_FOLDER), { recursive: true, mode: 0o700 });
  await mkdir(join(draft, STORE_FOLDER), { recursive: true, mode: 0o700 });
  for (const { path } of files) {
    await cp(join(from, path), join(draft, path), { preserveTimestamps: true });
    await chmod(join(draft, path), 0o600);
    await syncFolder(join(draft, path));
  }
  // A store that cannot be opened and read must not replace one that can.
  await inspectEmbeddedStore(join(draft, STORE_FOLDER), true);
  await renewChangeFeed(join(draft, STORE_FOLDER));
  for (const name of [STORE_FOLDER, BATCHES_FOLDER, '.']) await syncFolder(join(draft, name));
}

/**
 * Files that an administrator restores into another user's data folder must belong to that user.
 */
async function giveToOwner(folder: string, dataDir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(dataDir);
  if (uid === 0) return;
  for (const name of await readdir(folder, { recursive: true })) await lchown(join(folder, name), uid, gid);
  await lchown(folder, uid, gid);
}
