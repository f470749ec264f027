/**
 * Counts how much of each range of the table `records` is still needed, to decide what to clean.
 *
 * A segment is {@link SEGMENT_ENTRIES} consecutive numbers. Table `segments`: number of the segment
 * (six bytes) → total weight, live weight (six bytes each), and a byte that is 1 when cleaning has
 * appended all entries. An entry is live while the index leads to it, or to a delta that is based
 * on it. Both weights are changed in the transaction that changes the index, so they are correct
 * after any crash. Entries that the index does not include yet are in no segment that may be
 * cleaned.
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import type { Table } from './lmdb-internals.ts';
import { numberKey } from './lmdb-keys.ts';

/** The number of entries per segment, except in tests that set fewer. */
const SEGMENT_ENTRIES = 1024;
/** A unit of weight, in bytes. */
const UNIT_BYTES = 16;
/** What the engine adds to each value. */
const OVERHEAD_BYTES = 16;
/** A larger value gets pages of its own. */
const IN_PAGE_BYTES = 2000;
const PAGE_BYTES = 4096;
const MAX_WEIGHT = 0xffff;

export interface Segment {
  readonly segment: number;
  /** In units; 0 while the segment is not full. */
  readonly total: number;
  readonly live: number;
  /** Whether cleaning has appended all its entries. */
  readonly hasOnlyCopies: boolean;
}

/** The space that an entry takes in the file, in units that fit into two bytes. */
export function weightOf(length: number): number {
  const bytes = length + OVERHEAD_BYTES;
  const taken = bytes > IN_PAGE_BYTES ? Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES : bytes;
  return Math.min(MAX_WEIGHT, Math.ceil(taken / UNIT_BYTES));
}

export class Segments {
  readonly #table: Table;
  /** The changes of the transaction so far: live weight by segment. */
  readonly #changes = new Map<number, number>();

  /** The number of entries per segment. */
  readonly entries: number;

  constructor(table: Table, entries: number = SEGMENT_ENTRIES) {
    this.#table = table;
    this.entries = entries;
  }

  of(number: number): number {
    return Math.floor(number / this.entries);
  }

  /** The first number of a segment. */
  firstOf(segment: number): number {
    return segment * this.entries;
  }

  /**
   * Records that an entry became live, or with a negative weight that it is no longer live. Written
   * by {@link flush}.
   */
  add(number: number, weight: number): void {
    const segment = this.of(number);
    this.#changes.set(segment, (this.#changes.get(segment) ?? 0) + weight);
  }

  /** Writes what {@link add} has recorded, within the same transaction. */
  flush(): void {
    for (const [segment, change] of this.#changes) {
      if (change === 0) continue;
      const { total, live, hasOnlyCopies } = this.#read(segment);
      // A cleaned segment has no row any more, and its weights count nowhere.
      if (total > 0 || live > 0 || change > 0)
        this.#write({ segment, total, live: Math.max(0, live + change), hasOnlyCopies });
    }
    this.#changes.clear();
  }

  /** Drops what was recorded but not flushed. */
  forget(): void {
    this.#changes.clear();
  }

  /** Records the weight of all entries of a segment once it is full. */
  complete(segment: number, total: number, hasOnlyCopies: boolean): void {
    // At least one unit, because 0 means that a segment is not full.
    this.#write({ segment, total: Math.max(1, total), live: this.#read(segment).live, hasOnlyCopies });
  }

  /** Whether all entries of a segment were appended by cleaning; false while that is unknown. */
  hasOnlyCopies(segment: number): boolean {
    return this.#read(segment).hasOnlyCopies;
  }

  remove(segment: number): void {
    this.#table.removeSync(numberKey(segment));
  }

  /** All segments with a row, in order. */
  list(): Segment[] {
    return Array.from(this.#table.getRange({}), ({ key, value }) => decode(readTime(key, 0), value));
  }

  #read(segment: number): Segment {
    const value = this.#table.getBinaryFast(numberKey(segment));
    return value === undefined
      ? { segment, total: 0, live: 0, hasOnlyCopies: false }
      : decode(segment, value);
  }

  #write({ segment, total, live, hasOnlyCopies }: Segment): void {
    const value = Buffer.allocUnsafe(2 * TIME_BYTES + 1);
    writeTime(value, total, 0);
    writeTime(value, live, TIME_BYTES);
    value[2 * TIME_BYTES] = hasOnlyCopies ? 1 : 0;
    this.#table.putSync(numberKey(segment), value);
  }
}

function decode(segment: number, value: Buffer): Segment {
  return {
    ...{ segment, total: readTime(value, 0), live: readTime(value, TIME_BYTES) },
    hasOnlyCopies: value[2 * TIME_BYTES] === 1,
  };
}
