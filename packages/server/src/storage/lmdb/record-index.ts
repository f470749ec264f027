/**
 * Table `index`: key → location of its newest entry, as of the last merge.
 *
 *   0   u48   number of the entry
 *   6   u16   its weight (`segments.ts`)
 *   8   u48   only for a delta: number of the entry that it is based on
 *   14  u16   weight of that entry
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import { lengthOfLast, type Table } from './lmdb-internals.ts';
import { type IndexedPlace, NOWHERE, UNKNOWN_PLACE } from './recent-entries.ts';
import type { Segments } from './segments.ts';

/** A live entry, and for a delta also the entry that it is based on. */
export interface Place {
  readonly number: number;
  readonly weight: number;
  readonly base: number;
  readonly baseWeight: number;
}

const WEIGHT = 2;
const HALF = TIME_BYTES + WEIGHT;
/** No entry has this number. */
export const NO_ENTRY = 0;

export class RecordIndex {
  readonly table: Table;
  readonly #segments: Segments;
  readonly #value: Buffer = Buffer.alloc(2 * HALF);
  readonly #short: Buffer = this.#value.subarray(0, HALF);

  constructor(table: Table, segments: Segments) {
    this.table = table;
    this.#segments = segments;
  }

  /** The number of a key's entry; {@link NO_ENTRY} if it has none. */
  find(key: Buffer): number {
    const value = this.table.getBinaryFast(key);
    return value === undefined ? NO_ENTRY : readTime(value, 0);
  }

  /**
   * Lets a key lead to an entry, and updates the live weights.
   *
   * @param from where it leads now, if that is known; looked up by default
   * @returns false when it led there already
   */
  put(key: Buffer, place: Place, from: IndexedPlace = UNKNOWN_PLACE): boolean {
    if (from.number >= NOWHERE && place.base === NO_ENTRY) {
      if (from.number === place.number) return false;
      if (from.number !== NOWHERE) this.#segments.add(from.number, -from.weight);
      this.#segments.add(place.number, place.weight);
    } else if (!this.#leave(key, place)) return false;
    const value = this.#value;
    writeHalf(value, 0, place.number, place.weight);
    if (place.base !== NO_ENTRY) writeHalf(value, HALF, place.base, place.baseWeight);
    this.table.putSync(key, place.base === NO_ENTRY ? this.#short : value);
    return true;
  }

  /** Removes a key. */
  remove(key: Buffer): void {
    if (this.#leave(key, undefined)) this.table.removeSync(key);
  }

  /** Updates the live weights when a key's location changes. False when it does not change. */
  #leave(key: Buffer, to: Place | undefined): boolean {
    const segments = this.#segments;
    const value = this.table.getBinaryFast(key);
    let keptBase = false;
    if (value !== undefined) {
      const number = readTime(value, 0);
      if (number === to?.number) return false;
      if (number === to?.base) keptBase = true;
      else segments.add(number, -readWeight(value, TIME_BYTES));
      if (lengthOfLast(this.table) > HALF) {
        const base = readTime(value, HALF);
        if (base === to?.base) keptBase = true;
        else segments.add(base, -readWeight(value, HALF + TIME_BYTES));
      }
    } else if (to === undefined) return false;
    if (to !== undefined) {
      segments.add(to.number, to.weight);
      if (to.base !== NO_ENTRY && !keptBase) segments.add(to.base, to.baseWeight);
    }
    return true;
  }
}

function writeHalf(value: Uint8Array, at: number, number: number, weight: number): void {
  writeTime(value, number, at);
  value[at + TIME_BYTES] = weight >>> 8;
  value[at + TIME_BYTES + 1] = weight;
}

function readWeight(value: Uint8Array, at: number): number {
  return value[at]! * 0x100 + value[at + 1]!;
}
