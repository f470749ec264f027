/**
 * Copies of the store at one point in time, for exports (contract section 21). Each is a folder
 * that every process on the store can read. A slow reader blocks nobody: freed pages cannot be
 * reused during the copying, but can afterwards.
 *
 *   copying    `<name>.part` is being written            it is complete → kept; the process dies →
 *                                                        removed after an hour
 *   kept       any process may read it; each use         not used for five minutes, or room is
 *              renews its time                           needed → removed
 *   removed    a process that has it open reads on until it closes it
 */

import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { QuiverError } from '../../errors.ts';
import { snapshotGone } from '../profile-lists.ts';
import type { EntryLogOptions } from './entry-log.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { ProfileTables } from './profile-tables.ts';

const KEPT_MS = 5 * 60_000;
const PART_KEPT_MS = 60 * 60_000;
const LOOK_EVERY_MS = 30_000;
/** A snapshot used within this time counts as being read, in milliseconds. */
const IN_USE_MS = 15_000;
/** How often its time of use is written, in milliseconds. */
const TOUCH_EVERY_MS = 2000;
const MOST_SNAPSHOTS = 2;
/** Free space that must remain beside a copy, in bytes. */
const RESERVED_BYTES = 128 * 1024 ** 2;
const PART = '.part';

export interface OpenSnapshot {
  readonly environment: LmdbEnvironment;
  readonly tables: ProfileTables;
}

interface UsedSnapshot {
  readonly opening: Promise<OpenSnapshot>;
  usedAt: number;
}

export class StoreSnapshots {
  readonly #environment: LmdbEnvironment;
  readonly #folder: string;
  readonly #options: EntryLogOptions | undefined;
  readonly #used = new Map<string, UsedSnapshot>();
  readonly #timer: NodeJS.Timeout;
  #tidying: Promise<void> = Promise.resolve();

  /** @param folder created when the first snapshot is taken */
  constructor(environment: LmdbEnvironment, folder: string, options: EntryLogOptions | undefined) {
    this.#environment = environment;
    this.#folder = folder;
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#tidying = this.#tidy().catch(() => undefined);
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /**
   * Copies the store.
   * @returns the name of the snapshot
   */
  async take(): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#makeRoom();
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < this.#environment.fileBytes() + RESERVED_BYTES) {
      throw new QuiverError(
        'insufficient-storage',
        'No space left for a copy of the store, which an export is read from',
      );
    }
    const name = randomBytes(8).toString('hex');
    const path = join(this.#folder, name);
    await mkdir(path + PART, { mode: 0o700 });
    try {
      await this.#environment.copyTo(path + PART);
      await rename(path + PART, path);
    } catch (error) {
      await rm(path + PART, { recursive: true, force: true });
      throw error;
    }
    const now = new Date();
    await utimes(path, now, now);
    return name;
  }

  /**
   * Opens a snapshot, or returns it if it is open.
   * @throws QuiverError `not-found`
   */
  async open(name: string): Promise<OpenSnapshot> {
    const known = this.#used.get(name);
    const now = Date.now();
    if (known !== undefined) {
      if (now - known.usedAt > TOUCH_EVERY_MS) await this.#touch(name, known);
      return known.opening;
    }
    const path = join(this.#folder, name);
    if (!/^[0-9a-f]{16}$/.test(name) || !(await isThere(path))) throw snapshotGone();
    const opening = LmdbEnvironment.open(path).then((environment) => ({
      environment,
      tables: new ProfileTables(environment, this.#options),
    }));
    const used = { opening, usedAt: 0 };
    this.#used.set(name, used);
    opening.catch(() => this.#used.delete(name));
    await this.#touch(name, used);
    return opening;
  }

  /**
   * Closes all snapshots in this process. Other processes can use them until their time is over.
   */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tidying;
    for (const name of [...this.#used.keys()]) await this.#letGo(name);
  }

  /** Records that a snapshot was read to its end, so it can make room for the next one at once. */
  async wasRead(name: string): Promise<void> {
    const past = new Date(Date.now() - IN_USE_MS);
    await utimes(join(this.#folder, name), past, past).catch(() => undefined);
  }

  async #touch(name: string, used: UsedSnapshot): Promise<void> {
    const now = new Date();
    used.usedAt = now.getTime();
    await utimes(join(this.#folder, name), now, now).catch(() => undefined);
  }

  async #letGo(name: string): Promise<void> {
    const used = this.#used.get(name);
    this.#used.delete(name);
    const opened = await used?.opening.catch(() => undefined);
    await opened?.environment.close();
  }

  async #makeRoom(): Promise<void> {
    const kept = (await this.#list()).filter(({ name }) => !name.endsWith(PART));
    kept.sort((one, other) => one.usedAt - other.usedAt);
    for (const { name, usedAt } of kept.slice(0, Math.max(0, kept.length - MOST_SNAPSHOTS + 1))) {
      if (Date.now() - usedAt < IN_USE_MS - 1) {
        throw new QuiverError(
          'unavailable',
          `${MOST_SNAPSHOTS} exports are being read; send it again later`,
          {
            headers: { 'retry-after': '15' },
          },
        );
      }
      await this.#remove(name);
    }
  }

  /** Closes what this process does not use, and removes what no process uses. */
  async #tidy(): Promise<void> {
    const now = Date.now();
    for (const [name, { usedAt }] of this.#used) if (now - usedAt > KEPT_MS) await this.#letGo(name);
    for (const { name, usedAt } of await this.#list()) {
      if (now - usedAt > (name.endsWith(PART) ? PART_KEPT_MS : KEPT_MS)) await this.#remove(name);
    }
  }

  async #remove(name: string): Promise<void> {
    await this.#letGo(name);
    await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  async #list(): Promise<{ readonly name: string; readonly usedAt: number }[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const found = await Promise.all(
      names.map(async (name) => {
        const state = await stat(join(this.#folder, name)).catch(() => undefined);
        return state && { name, usedAt: state.mtimeMs };
      }),
    );
    return found.filter((one) => one !== undefined);
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
