/**
 * Who uses a data folder. Servers, backups and the doctor share it. A restore and a compaction
 * have it alone, because they put another store in its place: what a server acknowledged meanwhile
 * would be in files that nobody opens again.
 *
 * The lock is a claim (`claims.ts`) in the folder itself, or, where that takes no sockets (a full
 * disk, a foreign file system, a long path), in the system's folder for temporary files.
 */

import { createHash } from 'node:crypto';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Claim, type ClaimPlace, FolderPlace, type Holder, takeClaim } from './claims.ts';

export type FolderUse = 'serve' | 'backup' | 'doctor' | 'restore' | 'compact';

/** The uses that put another store in the place of the one that is there. */
const ALONE: ReadonlySet<string> = new Set<FolderUse>(['restore', 'compact']);

/**
 * Somebody else uses the data folder in a way that does not go together with what was wanted;
 * nothing was changed.
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
  if (use === 'serve') return `a server is running on ${dataDir} (${who}); stop it first`;
  return `quiver ${use} is at work in ${dataDir} (${who}); wait until it is done`;
}

/**
 * Takes the lock of a data folder for this process, which holds it until it releases it or dies.
 *
 * @param dataDir a folder that exists
 * @throws DataFolderInUse when what others do there does not go together with `use`
 */
export async function lockDataFolder(dataDir: string, use: FolderUse): Promise<Claim> {
  const real = await realpath(dataDir);
  const places = [new FolderPlace(real), await temporaryPlace(real)];
  const taken = await takeClaim(places, use, (other) => ALONE.has(use) || ALONE.has(other.use));
  if ('release' in taken) return taken;
  throw new DataFolderInUse(dataDir, taken);
}

/**
 * Claims there count only when they are of somebody who may write to the data folder: anybody can
 * make files there.
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
