import { open } from 'node:fs/promises';

/**
 * Brings the names in a folder to disk: what was made or renamed there is on disk only when the
 * folder is. Windows has no such call, and its file system keeps a journal of names by itself.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
