/**
 * Bounds the bytes of large bodies that a process holds in memory at the same time (contract section 7).
 *
 * A small body is not counted: what all connections together can hold of those is bounded by their
 * number. A large one is counted from when its length is known, or from when it has grown large, until
 * it has been read and handed over.
 */

import { QuiverError } from '../errors.ts';

/** A body up to this many bytes is not counted. */
export const SMALL_BODY_BYTES = 64 * 1024;

export class BodyBudget {
  readonly #mostBytes: number;
  #heldBytes = 0;

  /** @param mostBytes how many bytes of large bodies may be held at the same time */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /**
   * Counts what one body takes.
   *
   * @param before how many bytes of it were counted already; 0 at first
   * @param bytes how many it has, or is known to have
   * @returns how many are counted now, to be given to the next call and to {@link release}
   * @throws QuiverError `unavailable` when there is no room; what was counted before stays counted
   */
  take(before: number, bytes: number): number {
    if (bytes <= SMALL_BODY_BYTES) return before;
    const held = this.#heldBytes - before + bytes;
    if (held > this.#mostBytes) {
      throw new QuiverError('unavailable', 'body: too many large bodies at the same time; send it again');
    }
    this.#heldBytes = held;
    return bytes;
  }

  /** Gives back what was counted of one body. */
  release(counted: number): void {
    this.#heldBytes -= counted;
  }
}
