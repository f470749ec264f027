/**
 * Checks a store for damage. Pages that were swapped, zeroed, cut off or had bits flipped appear as
 * entries that are not what was written, as keys out of order, or as a different number of keys
 * than the tree's own count.
 *
 * A read detects damage of the record that it reads. It cannot detect that an id is missing because
 * it was lost from the index. So when this check finds the index damaged, it records that in the
 * store, and from then on ids that are not found are errors.
 */

import { readTime, TIME_BYTES } from '../../domain/time-bytes.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { type Table, treePages } from './lmdb-internals.ts';
import { ReusedKey } from './lmdb-keys.ts';
import { baseOf } from './profile-delta.ts';
import type { ProfileRecords } from './profile-records.ts';
import { DELTA, KEY_AT, keyLengthOf, POINTER, PROFILE } from './record-entry.ts';
import { NO_ENTRY } from './record-index.ts';
import { TimeSlice } from './time-slice.ts';

/** The damage found in a store, for people; empty when there is none. */
export type Damage = readonly string[];

/** More entries would not be useful. */
const MOST_TOLD = 20;

export class StoreCheck {
  readonly #environment: LmdbEnvironment;
  readonly #records: ProfileRecords;
  /** Where the slow check continues; undefined at the start of a round. */
  #from: Buffer | undefined;
  /** The keys of this round so far. */
  #count = 0;
  /** The entries that the index included at the start of this round. */
  #asOf = 0;
  #damage: string[] = [];

  constructor(environment: LmdbEnvironment, records: ProfileRecords) {
    this.#environment = environment;
    this.#records = records;
  }

  /**
   * Checks a few hundred keys of the index and what they lead to, continuing where the last call
   * ended. At the end of a round it records in the store whether the index is intact.
   *
   * @returns the damage found by the round that this step ended; undefined otherwise
   */
  async step(): Promise<Damage | undefined> {
    let isAtEnd = true;
    try {
      isAtEnd = this.#environment.read(() => this.#checkIndex(new TimeSlice()));
    } catch (error) {
      // The engine itself could not continue.
      this.#note(`the index: ${messageOf(error)}`);
    }
    if (!isAtEnd) return undefined;
    const damage = this.#damage;
    this.#damage = [];
    this.#from = undefined;
    const { log } = this.#records;
    const isDamaged = damage.length > 0;
    if (this.#environment.read(() => log.isDamaged) !== isDamaged) {
      // If it cannot be recorded for every process, it applies at least to this one.
      if (isDamaged) log.distrust();
      await this.#environment.writeUpkeep(() => log.setDamaged(isDamaged));
    }
    return damage;
  }

  /** Checks everything at once, at one point in time. */
  all(): Damage {
    this.#damage = [];
    this.#from = undefined;
    for (const name of this.#environment.tableNames()) this.#checkTable(name);
    try {
      this.#environment.read(() => this.#checkIndex(undefined));
    } catch (error) {
      this.#note(`the index: ${messageOf(error)}`);
    }
    const damage = this.#damage;
    this.#damage = [];
    return damage;
  }

  #note(text: string): void {
    if (this.#damage.length < MOST_TOLD) this.#damage.push(text);
  }

  /** The keys of a table must be in order, and as many as the tree's own count. */
  #checkTable(name: string): void {
    try {
      this.#environment.read(() => {
        const table = this.#environment.table(name);
        let count = 0;
        let last: Buffer | undefined;
        for (const { key, value } of table.getRange({})) {
          if (last !== undefined && Buffer.compare(last, key) >= 0) {
            this.#note(`table ${name}: keys are out of order`);
            return;
          }
          last = Buffer.from(key);
          count += value.length < 0 ? 0 : 1;
        }
        this.#requireCount(name, table, count);
      });
    } catch (error) {
      this.#note(`table ${name}: ${messageOf(error)}`);
    }
  }

  #requireCount(name: string, table: Table, count: number): void {
    const { entries } = treePages(table);
    if (count !== entries) this.#note(`table ${name}: ${count} keys where there should be ${entries}`);
  }

  /**
   * @param slice undefined for no time limit
   * @returns whether the end was reached
   */
  #checkIndex(slice: TimeSlice | undefined): boolean {
    const { log } = this.#records;
    const { index } = log;
    let last = this.#from;
    let count = 0;
    if (last === undefined) {
      this.#count = 0;
      this.#asOf = log.waiting().merged;
    }
    for (const { key, value } of index.table.getRange(last === undefined ? {} : { start: last })) {
      if (last !== undefined) {
        const order = Buffer.compare(last, key);
        // Each step of a slow round starts with the last key of the previous step, if it still
        // exists.
        if (order === 0 && count === 0) continue;
        if (order >= 0) {
          this.#note('the index: keys are out of order');
          return true;
        }
      }
      count += 1;
      this.#count += 1;
      last = Buffer.from(key);
      this.#checkPlace(last, Buffer.from(value));
      if (slice !== undefined && !slice.mayGoOn()) {
        this.#from = last;
        return false;
      }
    }
    // A round of several steps has counted keys of different moments, unless nothing was merged.
    if (log.waiting().merged === this.#asOf) this.#requireCount('index', index.table, this.#count);
    return true;
  }

  /** A key of the index must lead to an entry of that key, unless the key has a newer entry. */
  #checkPlace(key: Buffer, value: Buffer): void {
    const { log } = this.#records;
    if (value.length < TIME_BYTES) {
      this.#note('the index: a key leads nowhere');
      return;
    }
    const reused = new ReusedKey();
    reused.set(key, 0, key.length);
    const number = log.find(reused);
    // For example a key whose stored length has changed: it sorts as before but equals no key.
    if (number === NO_ENTRY) this.#note('the index: a key is not found where it is');
    if (number !== readTime(value, 0)) return;
    try {
      const entry = log.read(readTime(value, 0));
      const { length } = log;
      const keyLength = keyLengthOf(entry);
      if (!reused.equals(entry, KEY_AT, keyLength)) {
        this.#note(`entry ${readTime(value, 0)} belongs to another key`);
      } else if (entry[0] === DELTA) {
        const { base } = baseOf(entry, KEY_AT + keyLength);
        if (log.read(base)[0] !== PROFILE) this.#note(`entry ${base} is no base`);
      } else if (entry[0] === POINTER) {
        const home = Buffer.from(entry.subarray(KEY_AT + keyLength + TIME_BYTES, length));
        reused.set(home, 0, home.length);
        if (log.find(reused) === NO_ENTRY && !this.#records.isOrphaned(home)) {
          this.#note('an id leads to a profile that is not there');
        }
      }
    } catch (error) {
      this.#note(messageOf(error));
    }
  }
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
