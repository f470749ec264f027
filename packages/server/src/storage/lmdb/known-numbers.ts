/**
 * Caches the numbers that the index has for keys, so that the next look-up of a key does not search
 * the tree.
 *
 * A direct-mapped table of fixed size: each key has one slot, and a later key replaces an earlier
 * one. A slot contains a hash of the key and not the key itself, so {@link KnownNumbers.get}
 * returns a guess: the entry of that number says which key it belongs to.
 *
 * `entry-views.ts` ensures that a key with a newer entry is either recent or not in this cache.
 */

import type { ReusedKey } from './lmdb-keys.ts';
import { NO_ENTRY } from './record-index.ts';

/** A power of two; takes 3 MiB in each process that reads. */
const PLACES = 256 * 1024;

export class KnownNumbers {
  readonly #numbers = new Float64Array(PLACES);
  readonly #hashes = new Int32Array(PLACES);
  readonly #key: Buffer = Buffer.allocUnsafe(2048);
  #place = 0;
  #hash = 0;
  #isEmpty = true;

  /** The likely number of the key; {@link NO_ENTRY} when nothing is cached. */
  get(key: ReusedKey): number {
    if (this.#isEmpty) return NO_ENTRY;
    this.#find(key.bytes, key.length);
    return this.#hashes[this.#place] === this.#hash ? this.#numbers[this.#place]! : NO_ENTRY;
  }

  set(key: ReusedKey, number: number): void {
    this.#find(key.bytes, key.length);
    this.#numbers[this.#place] = number;
    this.#hashes[this.#place] = this.#hash;
    this.#isEmpty = false;
  }

  /** @param key as a string of one character per byte */
  forget(key: string): void {
    if (this.#isEmpty) return;
    this.#find(this.#key, this.#key.write(key, 0, 'latin1'));
    this.#numbers[this.#place] = NO_ENTRY;
  }

  clear(): void {
    if (!this.#isEmpty) this.#numbers.fill(NO_ENTRY);
    this.#isEmpty = true;
  }

  #find(bytes: Uint8Array, length: number): void {
    let one = length;
    let other = 0x9e3779b9;
    for (let at = 0; at < length; at += 1) {
      one = Math.imul(one ^ bytes[at]!, 0x01000193);
      other = Math.imul(other, 31) + bytes[at]!;
    }
    this.#hash = one ^ (one >>> 15);
    this.#place = (Math.imul(other ^ (other >>> 15), 0x85ebca6b) >>> 8) & (PLACES - 1);
  }
}
