/**
 * Bounds the bytes of large bodies that a process holds in memory at the same time (contract
 * section 7).
 *
 * Small bodies are not counted, because the number of connections already bounds their total. A
 * large body is counted from the moment its length is known or it has grown large until it has been
 * read and handed over.
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
   * Counts the bytes of one body.
   *
   * @param before how many bytes of it were counted already; 0 at first
   * @param bytes how many bytes it has, or is known to have
   * @returns how many bytes are counted now; pass this to the next call and to {@link release}
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

  /** Releases the counted bytes of one body. */
  release(counted: number): void {
    this.#heldBytes -= counted;
  }
}
