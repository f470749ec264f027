import { join } from 'node:path';
import { hasEmbeddedStore, inspectEmbeddedStore } from '../server.ts';
import { DataFolderFailure } from './data-folder-failure.ts';
import { STORE_FOLDER } from './data-folder-names.ts';
import { inspectApart, isDamage } from './inspect-store.ts';

/**
 * Whether a store is so damaged that a restore is needed; opening it in this process could fail, or
 * end the process with a signal.
 */
export function isDamaged(store: string): Promise<boolean> {
  return inspectApart(store).then(() => false, isDamage);
}

/**
 * Refuses also while a program that does not use the lock has the store open, such as an older
 * Quiver.
 */
export async function requireStopped(dataDir: string): Promise<void> {
  const store = join(dataDir, STORE_FOLDER);
  if (!hasEmbeddedStore(store) || (await isDamaged(store))) return;
  const { processes } = await inspectEmbeddedStore(store);
  if (processes.length > 0) {
    const text = `a server is running on ${dataDir} (process ${processes.join(', ')}); stop it first`;
    throw new DataFolderFailure('refused', text);
  }
}
