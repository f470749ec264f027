/**
 * The lock of a data folder. Servers, backups and the doctor share it. A restore and a compaction
 * need it exclusively, because they replace the store: writes that a server acknowledged meanwhile
 * would be in files that are never opened again.
 *
 * The lock is a claim (`claims.ts`) in the folder itself, or, where the folder does not allow
 * sockets (a full disk, a foreign file system, a long path), in the system's folder for temporary
 * files.
 */

import { createHash } from 'node:crypto';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Claim, type ClaimPlace, FolderPlace, type Holder, takeClaim } from './claims.ts';

export type FolderUse = 'serve' | 'backup' | 'doctor' | 'restore' | 'compact' | 'sandbox';

/** The uses that replace the store, and a sandbox, which knows nothing of other processes. */
const ALONE: ReadonlySet<string> = new Set<FolderUse>(['restore', 'compact', 'sandbox']);

/**
 * Another process uses the data folder in a way that conflicts with the requested use; nothing was
 * changed.
 */
export class DataFolderInUse extends Error {
  override readonly name = 'DataFolderInUse';

  constructor(dataDir: string, holders: readonly Holder[]) {
    const use = (holders.find((holder) => holder.use === 'serve') ?? holders[0]!).use;
    const pids = holders.filter((holder) => holder.use === use).map(({ pid }) => pid);
    super(wordsFor(use, dataDir, `process ${[...new Set(pids)].sort((a, b) => a - b).join(', ')}`));
  }
}

function wordsFor(use: string, dataDir: string, who: string): string {
  if (use === 'sandbox') return `a sandbox is running on ${dataDir} (${who}); stop it first`;
  if (use === 'serve') return `a server is running on ${dataDir} (${who}); stop it first`;
  return `quiver ${use} is at work in ${dataDir} (${who}); wait until it is done`;
}

/**
 * Takes the lock of a data folder for this process, which holds it until it releases it or dies.
 *
 * @param dataDir an existing folder
 * @throws DataFolderInUse when another process there conflicts with `use`
 */
export async function lockDataFolder(dataDir: string, use: FolderUse): Promise<Claim> {
  const real = await realpath(dataDir);
  const places = [new FolderPlace(real), await temporaryPlace(real)];
  const taken = await takeClaim(places, use, (other) => ALONE.has(use) || ALONE.has(other.use));
  if ('release' in taken) return taken;
  throw new DataFolderInUse(dataDir, taken);
}

/**
 * Claims there count only when their owner may write to the data folder, because any user can
 * create files there.
 */
async function temporaryPlace(real: string): Promise<ClaimPlace> {
  const key = createHash('sha256').update(real).digest('hex').slice(0, 16);
  const folder = join(tmpdir(), `quiver-${key}`);
  const { uid } = await stat(real);
  const place = new FolderPlace(folder, new Set([0, uid, process.getuid?.() ?? uid]));
  return {
    async name(name) {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      return place.name(name);
    },
    names: () => place.names(),
  };
}
