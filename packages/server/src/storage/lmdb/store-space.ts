/**
 * Determines how much can still be written: free space on the disk, and free pages in the file,
 * which the engine uses first.
 *
 *   ample     everything may be written
 *   scarce    as ample, but cleaning recovers as much as it can
 *   low       only writes that free space or control access are done; all others are refused, and
 *             nothing is lost
 *
 * Writes while space is low are small and the reserve is large, so the engine itself finds the disk
 * full only if another program fills it. Then it refuses the write, and everything acknowledged is
 * kept.
 */

import { statfsSync } from 'node:fs';

type Space = 'ample' | 'scarce' | 'low';

/** Space is low below this: 64 MiB, or a tenth of a small disk. */
const RESERVED_BYTES = 64 * 1024 ** 2;
const RESERVED_SHARE = 0.1;
/**
 * The usable share of the free pages in the file: some are still being read, and a large value
 * needs consecutive pages.
 */
const USABLE_SHARE = 0.5;
/** Space is scarce below this multiple of the reserve. */
const SCARCE_TIMES = 3;
/**
 * How long a result is valid, in milliseconds; shorter when little is left, because a busy server
 * can write 100 MB/s.
 */
const LOOK_EVERY_MS = 200;
const LOOK_EVERY_MS_WHEN_SCARCE = 10;

export class StoreSpace {
  readonly #path: string;
  readonly #freePageBytes: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #space: Space = 'ample';

  /**
   * @param freePageBytes counts the free pages of the file, in bytes; called only when the disk
   *   alone has too little
   */
  constructor(path: string, freePageBytes: () => number) {
    this.#path = path;
    this.#freePageBytes = freePageBytes;
  }

  /** The current state, which may be a moment old. */
  look(): Space {
    const now = performance.now();
    const every = this.#space === 'ample' ? LOOK_EVERY_MS : LOOK_EVERY_MS_WHEN_SCARCE;
    if (now - this.#lookedAt > every) {
      this.#lookedAt = now;
      this.#space = this.#measure();
    }
    return this.#space;
  }

  /**
   * Whether the disk alone, without the free pages of the file, has less than the reserve. After a
   * failed commit this distinguishes a full disk from other causes: the engine may need pages
   * beyond the end of the file although there are free ones in it.
   */
  isDiskLow(): boolean {
    const { free, reserve } = this.#disk();
    return free < reserve;
  }

  /** Forces the next {@link look} to measure again. */
  forget(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  #measure(): Space {
    const disk = this.#disk();
    const { reserve } = disk;
    if (disk.free >= SCARCE_TIMES * reserve) return 'ample';
    const free = disk.free + this.#freePageBytes() * USABLE_SHARE;
    if (free >= SCARCE_TIMES * reserve) return 'ample';
    return free >= reserve ? 'scarce' : 'low';
  }

  /** Free bytes on the disk, and how many of them are reserved. */
  #disk(): { readonly free: number; readonly reserve: number } {
    const { bavail, blocks, bsize } = statfsSync(this.#path);
    return { free: bavail * bsize, reserve: Math.min(RESERVED_BYTES, blocks * bsize * RESERVED_SHARE) };
  }
}
