/**
 * A backup on disk: a data folder, and `quiver-backup.json`, which lists every file with its size
 * and digest. The list is written last, so a folder without it is not a finished backup.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import * as z from 'zod';
import { LOCK_FILE } from '../storage/store-file-names.ts';
import { DataFolderFailure } from './data-folder-failure.ts';

const MANIFEST_FILE = 'quiver-backup.json';
/** The layout version of a backup that this program writes and reads. */
const BACKUP_FORMAT = 1;

const manifestSchema = z.object({
  format: z.number().int(),
  /** When the copy of the store was made, ISO 8601. */
  madeAt: z.string(),
  /** The version of the program that made it. */
  version: z.string(),
  profiles: z.number().int(),
  unfinishedBatches: z.number().int(),
  files: z.array(z.object({ path: z.string(), bytes: z.number().int(), sha256: z.string() })),
});
export type BackupManifest = z.infer<typeof manifestSchema>;

/** Writes the list of all files in `folder`; it is on disk when this returns. */
export async function sealBackup(
  folder: string,
  facts: Pick<BackupManifest, 'madeAt' | 'version' | 'profiles' | 'unfinishedBatches'>,
): Promise<BackupManifest> {
  const files = await Promise.all((await filesIn(folder)).map((path) => listed(folder, path)));
  const manifest = { format: BACKUP_FORMAT, ...facts, files };
  const handle = await open(join(folder, MANIFEST_FILE), 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return manifest;
}

/**
 * Reads the list of a backup and compares every file with it.
 *
 * @throws DataFolderFailure when it is not a backup, has a newer format, or has changed since it
 *   was made
 */
export async function checkBackup(folder: string): Promise<BackupManifest> {
  const text = await readFile(join(folder, MANIFEST_FILE), 'utf8').catch((cause: unknown) => {
    throw new DataFolderFailure('refused', `${folder} is not a finished backup: it has no ${MANIFEST_FILE}`, {
      cause,
    });
  });
  const manifest = parseManifest(folder, text);
  const found = await filesIn(folder);
  const listedPaths = new Set(manifest.files.map(({ path }) => path));
  const extra = found.find((path) => path !== MANIFEST_FILE && !listedPaths.has(path));
  if (extra !== undefined) throw damaged(folder, `${extra} is not in its list`);
  for (const expected of manifest.files) {
    if (!found.includes(expected.path)) throw damaged(folder, `${expected.path} is missing`);
    const { sha256 } = await listed(folder, expected.path);
    if (sha256 !== expected.sha256) throw damaged(folder, `${expected.path} has changed`);
  }
  return manifest;
}

function parseManifest(folder: string, text: string): BackupManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(folder, `${MANIFEST_FILE} is not JSON`);
  }
  const { success, data: manifest } = manifestSchema.safeParse(value);
  if (!success) throw damaged(folder, `${MANIFEST_FILE} is not a list of files`);
  if (manifest.format > BACKUP_FORMAT) {
    const text = `${folder} has backup format ${manifest.format}; this version of Quiver knows up to ${BACKUP_FORMAT}`;
    throw new DataFolderFailure('newer-format', text);
  }
  return manifest;
}

function damaged(folder: string, what: string): DataFolderFailure {
  return new DataFolderFailure('refused', `the backup in ${folder} is damaged: ${what}`);
}

/**
 * Paths of all files, relative to the folder, in a fixed order; the engine's lock file is not
 * included.
 */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== LOCK_FILE)
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

async function listed(folder: string, path: string) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(join(folder, path))) hash.update(chunk as Uint8Array);
  return { path, bytes: (await stat(join(folder, path))).size, sha256: hash.digest('hex') };
}
