/**
 * The calls that were accepted, for processes of one machine: an empty file each, in the data
 * folder. The system decides for all processes at once whether a file is new, and a restarted
 * worker finds the files again.
 *
 * Files are in folders by the time at which their calls were sealed. A folder whose calls are all
 * invalid by now is removed.
 */

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { QuiverError } from '../../errors.ts';
import { SPENT_CALLS_KEPT_MS, type SpentCallStore } from '../spent-call-store.ts';

/** The time span of one folder, in milliseconds. */
const FOLDER_MS = 10_000;

export class SpentCallFiles implements SpentCallStore {
  readonly #folder: string;
  readonly #now: () => number;
  #sweptAt = 0;

  /**
   * @param folder created with the first call
   * @param now epoch milliseconds
   */
  constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
  }

  spend(nonce: string, sealedAt: number): boolean {
    this.#sweepNowAndThen();
    const folder = join(this.#folder, String(Math.floor(sealedAt / FOLDER_MS)));
    try {
      const isNew = made(join(folder, nonce));
      if (isNew !== undefined) return isNew;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return made(join(folder, nonce)) ?? false;
    } catch (cause) {
      throw new QuiverError('unavailable', 'edge call: cannot be noted as seen', { cause });
    }
  }

  #sweepNowAndThen(): void {
    const now = this.#now();
    if (Math.abs(now - this.#sweptAt) < FOLDER_MS) return;
    this.#sweptAt = now;
    // Whatever remains is found the next time.
    void this.#sweep().catch(() => undefined);
  }

  async #sweep(): Promise<void> {
    const oldest = Math.floor((this.#now() - SPENT_CALLS_KEPT_MS) / FOLDER_MS);
    for (const name of await readdir(this.#folder)) {
      if (/^\d+$/.test(name) && Number(name) < oldest) {
        await rm(join(this.#folder, name), { recursive: true, force: true });
      }
    }
  }
}

/**
 * Whether the file was created just now: false when it existed, undefined when its folder does not
 * exist.
 */
function made(path: string): boolean | undefined {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT') return undefined;
    throw error;
  }
}
