/**
 * How much of each stretch of the table `records` is still needed: what cleaning decides by.
 *
 * A segment is {@link SEGMENT_ENTRIES} numbers side by side. Table `segments`: number of the
 * segment (six bytes) → total weight, live weight (six bytes each). An entry is live while the
 * index leads to it: it is what a key names, or what such an entry is based on. Both weights are
 * changed in the transaction that changes the index, so they are right after any crash. What the
 * index does not have yet is in no segment that may be cleaned.
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import type { Table } from './lmdb-internals.ts';
import { numberKey } from './lmdb-keys.ts';

/** How many numbers a segment has, unless a test wants fewer. */
const SEGMENT_ENTRIES = 1024;
/** A unit of weight, in bytes. */
const UNIT_BYTES = 16;
/** What the engine adds to each value. */
const OVERHEAD_BYTES = 16;
/** A value beyond this size takes pages of its own. */
const IN_PAGE_BYTES = 2000;
const PAGE_BYTES = 4096;
const MAX_WEIGHT = 0xffff;

export interface Segment {
  readonly segment: number;
  /** In units; 0 while the segment is not full. */
  readonly total: number;
  readonly live: number;
}

/** What an entry of so many bytes takes of the file, in units that fit two bytes. */
export function weightOf(length: number): number {
  const bytes = length + OVERHEAD_BYTES;
  const taken = bytes > IN_PAGE_BYTES ? Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES : bytes;
  return Math.min(MAX_WEIGHT, Math.ceil(taken / UNIT_BYTES));
}

export class Segments {
  readonly #table: Table;
  /** What the transaction has changed so far: live weight by segment. */
  readonly #changes = new Map<number, number>();

  /** How many numbers a segment has. */
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
   * Notes that an entry became live, or with a negative weight that it no longer is; written by
   * {@link flush}.
   */
  add(number: number, weight: number): void {
    const segment = this.of(number);
    this.#changes.set(segment, (this.#changes.get(segment) ?? 0) + weight);
  }

  /** Writes what {@link add} has noted, within the same transaction. */
  flush(): void {
    for (const [segment, change] of this.#changes) {
      if (change === 0) continue;
      const { total, live } = this.#read(segment);
      // A segment that was cleaned has no row any more, and what was in it counts nowhere.
      if (total > 0 || live > 0 || change > 0)
        this.#write({ segment, total, live: Math.max(0, live + change) });
    }
    this.#changes.clear();
  }

  /** Forgets what was noted and not flushed. */
  forget(): void {
    this.#changes.clear();
  }

  /** Notes the weight of all entries of a segment, once it is full. */
  complete(segment: number, total: number): void {
    // At least one unit: 0 stands for a segment that is not full.
    this.#write({ segment, total: Math.max(1, total), live: this.#read(segment).live });
  }

  remove(segment: number): void {
    this.#table.removeSync(numberKey(segment));
  }

  /** All segments of which anything is known, in order. */
  list(): Segment[] {
    return Array.from(this.#table.getRange({}), ({ key, value }) => ({
      segment: readTime(key, 0),
      total: readTime(value, 0),
      live: readTime(value, TIME_BYTES),
    }));
  }

  #read(segment: number): Segment {
    const value = this.#table.getBinaryFast(numberKey(segment));
    if (value === undefined) return { segment, total: 0, live: 0 };
    return { segment, total: readTime(value, 0), live: readTime(value, TIME_BYTES) };
  }

  #write({ segment, total, live }: Segment): void {
    const value = Buffer.allocUnsafe(2 * TIME_BYTES);
    writeTime(value, total, 0);
    writeTime(value, live, TIME_BYTES);
    this.#table.putSync(numberKey(segment), value);
  }
}
