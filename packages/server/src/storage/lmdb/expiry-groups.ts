/**
 * The part of the expiry index that batches write: one entry for many profiles that were created in
 * one step and so expire together. One entry per profile would cost a third of a batch's time.
 *
 * Table `expiry-groups`: due time, own number → the home keys, each preceded by its length in two
 * bytes. An entry is never changed. A profile that leaves its group early (removed, moved, expires
 * sooner) stays listed; the sweeper recognizes it by the profile's `sweepAt`.
 */

import { readTime, writeTime } from '../../domain/time-bytes.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';

const TIME = 6;
const LENGTH = 2;
/** A value up to this size fits into a page of the tree. */
const GROUP_BYTES = 1900;
const LAST_NUMBER_KEY = Buffer.from('lastExpiryGroup');
const COUNT_KEY = Buffer.from('groupedProfiles');

export class ExpiryGroups {
  readonly #groups: Table;
  readonly #meta: Table;
  readonly #value: Buffer = Buffer.allocUnsafe(4096);
  #length = 0;
  #sweepAt = 0;
  #added = 0;
  #number = 0;

  constructor(environment: LmdbEnvironment) {
    this.#groups = environment.table('expiry-groups');
    this.#meta = environment.table('meta');
  }

  /** How many profiles have their entry here. */
  get count(): number {
    return this.#metaNumber(COUNT_KEY);
  }

  /** Starts a list of profiles. Everything until {@link end} is in one write transaction. */
  begin(sweepAt: number): void {
    this.#sweepAt = sweepAt;
    this.#length = 0;
    this.#added = 0;
  }

  /**
   * Lists a profile, whose `sweepAt` must be that of {@link begin}.
   * @param home contains its key in its first bytes
   */
  add(home: Uint8Array, length: number): void {
    if (this.#length + LENGTH + length > GROUP_BYTES) this.#write();
    const value = this.#value;
    let at = this.#length;
    value[at] = length >>> 8;
    value[at + 1] = length;
    at += LENGTH;
    for (let index = 0; index < length; index += 1) value[at + index] = home[index]!;
    this.#length = at + length;
    this.#added += 1;
  }

  end(): void {
    if (this.#added === 0) return;
    this.#write();
    this.#putMeta(LAST_NUMBER_KEY, this.#number);
    this.#putMeta(COUNT_KEY, this.count + this.#added);
    this.#number = 0;
    this.#added = 0;
  }

  /** Records that a listed profile is no longer in its group. */
  left(): void {
    this.#putMeta(COUNT_KEY, this.count - 1);
  }

  /** Whether a group is due before the end of the range. */
  isDue(end: Buffer): boolean {
    return this.#groups.getKeysCount({ end, limit: 1 }) > 0;
  }

  /** Removes the first due group from the table and returns it. */
  takeDue(end: Buffer): { readonly sweepAt: number; readonly homes: readonly Buffer[] } | undefined {
    for (const { key, value } of this.#groups.getRange({ end, limit: 1 })) {
      const homes: Buffer[] = [];
      for (let at = 0; at < value.length; ) {
        const start = at + LENGTH;
        at = start + value[at]! * 0x100 + value[at + 1]!;
        homes.push(Buffer.from(value.subarray(start, at)));
      }
      this.#groups.removeSync(key);
      return { sweepAt: readTime(key, 0), homes };
    }
    return undefined;
  }

  #write(): void {
    if (this.#length === 0) return;
    if (this.#number === 0) this.#number = this.#metaNumber(LAST_NUMBER_KEY);
    this.#number += 1;
    const key = Buffer.allocUnsafe(2 * TIME);
    writeTime(key, this.#sweepAt, 0);
    writeTime(key, this.#number, TIME);
    this.#groups.putSync(key, this.#value.subarray(0, this.#length));
    this.#length = 0;
  }

  #metaNumber(key: Buffer): number {
    const bytes = this.#meta.getBinary(key);
    return bytes ? readTime(bytes, 0) : 0;
  }

  #putMeta(key: Buffer, value: number): void {
    const bytes = Buffer.allocUnsafe(TIME);
    writeTime(bytes, value, 0);
    this.#meta.putSync(key, bytes);
  }
}
