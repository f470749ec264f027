/**
 * `quiver backup`: copies the data folder while the server runs; the copy can be served from.
 *
 * The engine copies the store as it is at one moment. The files of batches are outside of it: those
 * that exist before are copied, then the store, then files that were added meanwhile. The file of a
 * batch that came and went in between is in neither copy; then the store is copied once more.
 */

import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { ServeConfig } from '../config/config.ts';
import { realPlace } from '../config/real-place.ts';
import { lockDataFolder } from '../locks/data-folder-lock.ts';
import {
  copyEmbeddedStore,
  type EmbeddedStoreFacts,
  hasEmbeddedStore,
  inspectEmbeddedStore,
} from '../server.ts';
import { LOCK_FILE } from '../storage/store-file-names.ts';
import { syncFolder } from '../storage/sync-folder.ts';
import { quiverVersion } from '../version.ts';
import { type BackupManifest, sealBackup } from './backup-folder.ts';
import { DataFolderFailure } from './data-folder-failure.ts';
import { BATCH_FILE_END, BATCHES_FOLDER, SECRET_FILES, STORE_FOLDER } from './data-folder-names.ts';

const MAX_TRIES = 20;

/**
 * Makes a backup in `target`, completely or not at all.
 *
 * @param target a folder that does not exist yet or is empty
 * @throws DataFolderInUse while a restore is running
 * @throws DataFolderFailure when there is nothing to back up, or the target cannot be written
 */
export async function backUp(config: ServeConfig, target: string): Promise<BackupManifest> {
  const from = requireEmbedded(config);
  const to = resolve(target);
  await requireFresh(from, to);
  const lock = await lockDataFolder(from, 'backup');
  try {
    return await makeBackup(from, to);
  } finally {
    await lock.release();
  }
}

async function makeBackup(from: string, to: string): Promise<BackupManifest> {
  const draft = join(dirname(to), `.quiver-backup-${randomBytes(6).toString('hex')}`);
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    const { facts, madeAt } = await copyStoreWithBatches(from, draft);
    for (const name of SECRET_FILES) await copyIfThere(join(from, name), join(draft, name));
    const manifest = await sealBackup(draft, {
      madeAt: new Date(madeAt).toISOString(),
      version: quiverVersion(),
      profiles: facts.profiles,
      unfinishedBatches: facts.unfinished.length,
    });
    await syncFolders(draft);
    // A rename replaces an empty folder, and fails for one that is not empty.
    await rename(draft, to);
    await syncFolder(dirname(to));
    return manifest;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The data folder of a configuration whose store is embedded and exists. */
function requireEmbedded({ store, dataDir }: ServeConfig): string {
  if (store.kind !== 'lmdb') {
    throw new DataFolderFailure(
      'wrong-use',
      'backup only works on the embedded store; back up Redis with its own tools',
    );
  }
  if (!hasEmbeddedStore(join(dataDir, STORE_FOLDER))) {
    throw new DataFolderFailure('refused', `there is no store in ${dataDir}`);
  }
  return dataDir;
}

async function requireFresh(from: string, to: string): Promise<void> {
  if (!relative(realPlace(from), realPlace(to)).startsWith('..')) {
    throw new DataFolderFailure('refused', `${to} is inside the data folder`);
  }
  const names = await readdir(to).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length > 0) throw new DataFolderFailure('refused', `${to} is not empty`);
}

async function copyStoreWithBatches(
  from: string,
  draft: string,
): Promise<{ facts: EmbeddedStoreFacts; madeAt: number }> {
  const store = join(draft, STORE_FOLDER);
  const batches = join(draft, BATCHES_FOLDER);
  await mkdir(batches, { mode: 0o700 });
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    await takeBatchFiles(join(from, BATCHES_FOLDER), batches);
    const madeAt = Date.now();
    await copyEmbeddedStore(join(from, STORE_FOLDER), store);
    await takeBatchFiles(join(from, BATCHES_FOLDER), batches);
    const facts = await inspectEmbeddedStore(store, true);
    // The lock file belongs to the copy only while that is open.
    await rm(join(store, LOCK_FILE), { force: true });
    const taken = new Set(await readdir(batches));
    if (facts.unfinished.every(({ id }) => taken.has(`${id}${BATCH_FILE_END}`))) return { facts, madeAt };
    await rm(store, { recursive: true });
  }
  const reason = `batches were finished during all ${MAX_TRIES} attempts to copy the store; try again later`;
  throw new DataFolderFailure('refused', reason);
}

/**
 * Copies the files of batches that are not in `to` yet; a file that disappears meanwhile belongs to
 * a finished batch.
 */
async function takeBatchFiles(from: string, to: string): Promise<void> {
  const taken = new Set(await readdir(to));
  const names = await readdir(from).catch(() => []);
  for (const name of names) {
    if (name.endsWith(BATCH_FILE_END) && !taken.has(name))
      await copyIfThere(join(from, name), join(to, name));
  }
}

/** Copies a file to disk, if it exists. */
async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return;
  }
  const handle = await open(to, 'r+');
  try {
    await handle.chmod(0o600);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolders(folder: string): Promise<void> {
  for (const name of [STORE_FOLDER, BATCHES_FOLDER, '.']) await syncFolder(join(folder, name));
}
