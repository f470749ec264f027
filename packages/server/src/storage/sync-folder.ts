import { open } from 'node:fs/promises';

/**
 * Makes the names in a folder durable: a file that was created or renamed is on disk only when its
 * folder is. Windows has no such call; its file system journals names by itself.
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
