/**
 * How much can still be written: what is free on the disk, and the free pages within the file,
 * which the engine takes first.
 *
 *   ample     anything may be written
 *   scarce    as ample, but cleaning takes back what it can
 *   low       only what frees space or guards access is written; everything else is refused, and nothing is lost
 *
 * What is written when space is low is little, and the reserve is large, so the engine itself does
 * not meet a full disk unless another program fills it. Then it refuses the write, and what was
 * acknowledged stays.
 */

import { statfsSync } from 'node:fs';

type Space = 'ample' | 'scarce' | 'low';

/** Below this it is low: 64 MiB, or a tenth of a small disk. */
const RESERVED_BYTES = 64 * 1024 ** 2;
const RESERVED_SHARE = 0.1;
/**
 * Of the free pages within the file: some are still read, and a large value needs many side by
 * side.
 */
const USABLE_SHARE = 0.5;
/** Below this multiple of the reserve it is scarce. */
const SCARCE_TIMES = 3;
/**
 * How long a look counts, in milliseconds: less when little is left, because a busy server writes
 * 100 MB/s.
 */
const LOOK_EVERY_MS = 200;
const LOOK_EVERY_MS_WHEN_SCARCE = 10;

export class StoreSpace {
  readonly #path: string;
  readonly #freePageBytes: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #space: Space = 'ample';

  /**
   * @param freePageBytes counts the free pages of the file, in bytes; asked only when the disk
   * alone is not enough
   */
  constructor(path: string, freePageBytes: () => number) {
    this.#path = path;
    this.#freePageBytes = freePageBytes;
  }

  /** How it is, or was a moment ago. */
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
   * failed commit this tells a full disk from other causes: the engine may need pages beyond the
   * end of the file although others within it are free.
   */
  isDiskLow(): boolean {
    const { free, reserve } = this.#disk();
    return free < reserve;
  }

  /** Makes the next {@link look} a new one. */
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

  /** Bytes that are free on the disk, and how many of them are kept back. */
  #disk(): { readonly free: number; readonly reserve: number } {
    const { bavail, blocks, bsize } = statfsSync(this.#path);
    return { free: bavail * bsize, reserve: Math.min(RESERVED_BYTES, blocks * bsize * RESERVED_SHARE) };
  }
}
