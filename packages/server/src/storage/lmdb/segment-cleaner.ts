/**
 * Recovers the space of dead entries. The live entries of a segment are appended again, and the
 * segment is removed, entry by entry in small steps, each in the transaction that has copied what
 * was there.
 *
 * A segment is cleaned when half of it is dead (or much less, when space is scarce), the emptiest
 * first, and only when the index includes all its entries. A base and its delta are copied as one
 * complete record.
 *
 * A crash can leave a segment whose beginning is removed; the next search finds it again. A segment
 * with a damaged entry is left alone, because its contents may help to repair it.
 */

import type { LmdbEnvironment } from './lmdb-environment.ts';
import { baseOf } from './profile-delta.ts';
import type { ProfileRecords } from './profile-records.ts';
import { CHANNEL, DELTA, KEY_AT, keyLengthOf, PROFILE } from './record-entry.ts';
import { TimeSlice } from './time-slice.ts';

/** A segment with at most this live share is cleaned. */
const LIVE_SHARE = 0.5;
/** The same while space is scarce. */
const LIVE_SHARE_WHEN_SCARCE = 0.9;

export class SegmentCleaner {
  readonly #environment: LmdbEnvironment;
  readonly #records: ProfileRecords;
  #queue: number[] = [];
  /** The next number in the current segment; undefined between two segments. */
  #at: number | undefined;
  #lookedAtMerge = -1;
  #wasScarce = false;
  readonly #damaged = new Set<number>();
  readonly #share: number;

  /**
   * @param share segments with at most this live share are cleaned, from 0 to 1; one half by
   *   default
   */
  constructor(environment: LmdbEnvironment, records: ProfileRecords, share = LIVE_SHARE) {
    this.#share = share;
    this.#environment = environment;
    this.#records = records;
  }

  /**
   * One small step.
   *
   * @param limit the most entries in it
   * @returns whether there is more to do at once
   */
  async step(limit = Number.POSITIVE_INFINITY): Promise<boolean> {
    const isScarce = this.#environment.isSpaceScarce();
    if (this.#queue.length === 0 && !this.#environment.read(() => this.#look(isScarce))) return false;
    const segment = this.#queue[0]!;
    const first = this.#records.log.segments.firstOf(segment);
    const from = this.#at ?? first;
    const end = first + this.#records.log.segments.entries;
    let next = from;
    let isDamaged = false;
    await this.#environment.writeUpkeep(() => {
      const { log } = this.#records;
      this.#records.channel = CHANNEL.upkeep;
      const slice = new TimeSlice();
      next = from;
      for (; next < end && next - from < limit && slice.mayGoOn() && !isDamaged; next += 1) {
        if (log.has(next)) isDamaged = !this.#clean(next);
      }
      if (next === end && !isDamaged) log.segments.remove(segment);
    });
    this.#at = next;
    if (isDamaged) this.#damaged.add(segment);
    if (next === end || isDamaged) {
      this.#queue.shift();
      this.#at = undefined;
    }
    return true;
  }

  /** Finds a segment to clean; false when there is none. */
  #look(isScarce: boolean): boolean {
    const { log } = this.#records;
    const { merged } = log.waiting();
    if (merged === this.#lookedAtMerge && isScarce === this.#wasScarce) return false;
    this.#lookedAtMerge = merged;
    this.#wasScarce = isScarce;
    const share = isScarce ? LIVE_SHARE_WHEN_SCARCE : this.#share;
    this.#queue = log.segments
      .list()
      .filter(({ segment, total, live }) => {
        const isWhole = total > 0 && log.segments.firstOf(segment + 1) - 1 <= merged;
        return isWhole && live <= total * share && !this.#damaged.has(segment);
      })
      .sort((one, other) => one.live / one.total - other.live / other.total)
      .map(({ segment }) => segment);
    return this.#queue.length > 0;
  }

  /**
   * Copies an entry if it is live, and removes it. If it is damaged, does nothing and returns
   * false.
   */
  #clean(number: number): boolean {
    const { log } = this.#records;
    let entry: Buffer;
    try {
      entry = log.read(number);
      const { length } = log;
      const kind = entry[0];
      // A copy, because finding the current number reads the store.
      const kept = Buffer.from(entry.subarray(0, length));
      const current = log.currentOf(kept);
      const isLive = current === number;
      if (isLive && kind !== DELTA) log.copy(kept, length);
      else if (isLive || (kind === PROFILE && this.#isBaseOf(current, number))) this.#fold(kept);
    } catch {
      return false;
    }
    log.removeEntry(number);
    return true;
  }

  #isBaseOf(current: number, number: number): boolean {
    const { log } = this.#records;
    if (current === 0) return false;
    const entry = log.read(current);
    return entry[0] === DELTA && baseOf(entry, KEY_AT + keyLengthOf(entry)).base === number;
  }

  #fold(entry: Buffer): void {
    const key = entry.subarray(KEY_AT, KEY_AT + keyLengthOf(entry));
    const kept = this.#records.locateKey(key);
    if (kept !== undefined) this.#records.copyWhole(kept);
  }
}
