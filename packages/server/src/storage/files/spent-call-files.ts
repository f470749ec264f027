/**
 * The calls that were let in, for processes of one machine: an empty file each, in the data folder.
 * That a file is made anew or is there already is decided by the system for all processes at once,
 * and it is known too to a worker that was started again.
 *
 * Files lie in folders by the time at which their calls were sealed; a folder whose calls are good
 * no more is removed whole.
 */

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { QuiverError } from '../../errors.ts';
import { SPENT_CALLS_KEPT_MS, type SpentCallStore } from '../spent-call-store.ts';

/** The time that one folder is for, in milliseconds. */
const FOLDER_MS = 10_000;

export class SpentCallFiles implements SpentCallStore {
  readonly #folder: string;
  readonly #now: () => number;
  #sweptAt = 0;

  /** @param folder made with the first call @param now epoch milliseconds */
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
    // What stays is found the next time.
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
 * Whether the file was made just now: false when it was there, undefined when its folder is not.
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
