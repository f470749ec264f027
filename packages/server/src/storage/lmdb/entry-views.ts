/**
 * What one process knows of the entries of the log that the index does not have yet, as of two
 * moments:
 *
 *   seen    its present snapshot
 *   ahead   its write transaction: what that has read and appended beyond the snapshot
 *
 * Both are brought up to date at the first look of a snapshot or transaction, by reading the
 * entries that came since. This process need not read what it has appended itself: once that is
 * committed, the entries move from `ahead` to `seen` as soon as a snapshot has the last of them.
 *
 * The file also keeps what is remembered of the index (`known-numbers.ts`) right. A key that gets
 * another entry is recent first; when it is merged, its number is forgotten there. Entries that
 * another process has merged before this one has read them make it forget all numbers.
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import { KnownNumbers } from './known-numbers.ts';
import { lengthOfLast, type Table } from './lmdb-internals.ts';
import type { ReusedKey } from './lmdb-keys.ts';
import { RecentEntries } from './recent-entries.ts';
import { damaged, flagsOf, INDEXED, KEY_AT, keyLengthOf, keyTextOf } from './record-entry.ts';
import { NO_ENTRY } from './record-index.ts';
import { type Segments, weightOf } from './segments.ts';

/** What a process knows of the entries in one view of the environment. */
interface View {
  readonly recent: RecentEntries;
  /** The highest number that the index knows of. */
  merged: number;
  isDamaged: boolean;
  /** The highest number that has been looked at. */
  to: number;
  /** The weight of the entries up to `to` that are in its segment. */
  segmentWeight: number;
  /** Bytes of the entries above `merged`. */
  bytes: number;
  /** Whether it was seen that nothing comes behind what was found to be the end. */
  isWhole: boolean;
}

/** How far a transaction had come when it ended. */
interface Reached {
  readonly to: number;
  readonly segmentWeight: number;
  readonly bytes: number;
}

const MERGED_KEY = Buffer.from('merged');
/** When more keys than this are merged at once, all known numbers are forgotten. */
const FORGOTTEN_ONE_BY_ONE = 16 * 1024;

const emptyView = (): View => ({
  recent: new RecentEntries(),
  merged: 0,
  isDamaged: false,
  to: 0,
  segmentWeight: 0,
  bytes: 0,
  isWhole: false,
});

export class EntryViews {
  readonly #entries: Table;
  readonly #meta: Table;
  readonly #segments: Segments;
  readonly seen: View = emptyView();
  readonly ahead: View = emptyView();
  readonly #known = new KnownNumbers();
  readonly #number: Buffer = Buffer.alloc(TIME_BYTES);
  /** The entries of `ahead`, in the order of their numbers: which key each is of. */
  #aheadKeys: string[] = [];
  #aheadNumbers: number[] = [];
  /** Some entry of `ahead` is not listed: it went to the index at once, or was merged unread. */
  #hasUnlisted = false;
  /** Of the last transaction that has ended, and of the last that was committed. */
  #ended: Reached | undefined;
  #committed: Reached | undefined;
  isWriting = false;

  constructor(entries: Table, meta: Table, segments: Segments) {
    this.#entries = entries;
    this.#meta = meta;
    this.#segments = segments;
  }

  /** The view that counts now. */
  get present(): View {
    return this.isWriting ? this.ahead : this.seen;
  }

  /** The number of a key's recent entry; undefined when the index has it, or it has none. */
  recentOf(key: ReusedKey): number | undefined {
    if (this.seen.recent.size === 0 && (!this.isWriting || this.ahead.recent.size === 0)) return undefined;
    return this.recentOfText(key.text);
  }

  /** @param key as a text of one character a byte */
  recentOfText(key: string): number | undefined {
    const { seen, ahead } = this;
    const number = this.isWriting ? (ahead.recent.get(key) ?? seen.recent.get(key)) : seen.recent.get(key);
    return number !== undefined && number > this.present.merged ? number : undefined;
  }

  /**
   * What the index gave for a key that is not recent, most likely; {@link NO_ENTRY} when that is
   * not known.
   */
  guess(key: ReusedKey): number {
    // What a transaction has beyond the snapshot may be in the index already.
    if (this.isWriting && (this.#hasUnlisted || this.ahead.merged !== this.seen.merged)) return NO_ENTRY;
    return this.#known.get(key);
  }

  /** Remembers what the index gave for a key that is not recent. */
  remember(key: ReusedKey, number: number): void {
    if (!this.isWriting) this.#known.set(key, number);
  }

  snapshotBegins(): void {
    const { seen, ahead } = this;
    this.#takeOver();
    this.#startAt(seen);
    this.#readOn(seen);
    if (this.#aheadNumbers.length > 0 && this.#aheadNumbers[0]! <= seen.to) this.#leaveAhead(seen.to);
    if (ahead.to <= seen.to) this.#hasUnlisted = false;
  }

  transactionBegins(): void {
    const { seen, ahead } = this;
    this.isWriting = true;
    this.#ended = undefined;
    if (ahead.to < seen.to) {
      ahead.to = seen.to;
      ahead.segmentWeight = seen.segmentWeight;
      ahead.bytes = seen.bytes;
      ahead.merged = seen.merged;
      ahead.isWhole = seen.isWhole;
    }
    this.#startAt(ahead);
    this.#readOn(ahead);
  }

  transactionEnds(): void {
    this.isWriting = false;
    const { to, segmentWeight, bytes } = this.ahead;
    this.#ended = { to, segmentWeight, bytes };
  }

  transactionCommitted(): void {
    this.#committed = this.#ended;
  }

  /** What it appended is not there, and another process may take its numbers. */
  transactionRefused(): void {
    const { ahead } = this;
    this.#forgetAhead();
    this.#hasUnlisted = false;
    this.#committed = undefined;
    ahead.merged = 0;
    ahead.to = 0;
    ahead.segmentWeight = 0;
    ahead.bytes = 0;
    ahead.isWhole = false;
  }

  /** Notes an entry that the transaction has appended. */
  appended(key: string, number: number, length: number, isIndexed: boolean): void {
    const { ahead } = this;
    this.#note(ahead, key, number, isIndexed);
    ahead.to = number;
    ahead.segmentWeight += weightOf(length);
    ahead.bytes += length;
  }

  /**
   * Notes that the index knows of all entries up to `merged`, and whether it is damaged; within a
   * write transaction.
   */
  putState(merged: number, isDamaged: boolean): void {
    const value = Buffer.alloc(TIME_BYTES + 1, isDamaged ? 1 : 0);
    writeTime(value, merged, 0);
    this.#meta.putSync(MERGED_KEY, value);
  }

  /** Moves what our commits have brought from `ahead` to `seen`, if the snapshot has it. */
  #takeOver(): void {
    const { seen } = this;
    const reached = this.#committed;
    if (reached === undefined || reached.to <= seen.to) return;
    // Whoever has read everything up to the end of the transaction, and appended the rest, knows
    // every number up to there.
    if (this.#entries.getBinaryFast(this.#numberKey(reached.to)) === undefined) return;
    const keys = this.#aheadKeys;
    const numbers = this.#aheadNumbers;
    for (let at = 0; at < keys.length && numbers[at]! <= reached.to; at += 1) {
      if (numbers[at]! > seen.to) this.#note(seen, keys[at]!, numbers[at]!, false);
    }
    if (this.#hasUnlisted) this.#known.clear();
    seen.to = reached.to;
    seen.segmentWeight = reached.segmentWeight;
    seen.bytes = reached.bytes;
    seen.isWhole = true;
  }

  /** Leaves out of `ahead` what `seen` has. */
  #leaveAhead(to: number): void {
    const numbers = this.#aheadNumbers;
    if (numbers.at(-1)! <= to) {
      this.#forgetAhead();
      return;
    }
    const keys = this.#aheadKeys;
    let at = 0;
    for (; numbers[at]! <= to; at += 1) this.ahead.recent.drop(keys[at]!, numbers[at]!);
    this.#aheadKeys = keys.slice(at);
    this.#aheadNumbers = numbers.slice(at);
  }

  #forgetAhead(): void {
    this.ahead.recent.clear();
    this.#aheadKeys = [];
    this.#aheadNumbers = [];
  }

  #note(view: View, key: string, number: number, isIndexed: boolean): void {
    if (view === this.seen) {
      if (isIndexed) this.#known.forget(key);
      else view.recent.set(key, number);
      return;
    }
    if (isIndexed) {
      this.#hasUnlisted = true;
      return;
    }
    view.recent.set(key, number);
    this.#aheadKeys.push(key);
    this.#aheadNumbers.push(number);
  }

  /**
   * Leaves out what has been merged. Reading begins with the segment of the first recent entry, to
   * know its weight.
   */
  #startAt(view: View): void {
    const state = this.#meta.getBinaryFast(MERGED_KEY);
    const merged = state === undefined ? 0 : readTime(state, 0);
    view.isDamaged = state !== undefined && state[TIME_BYTES] === 1;
    if (merged > view.merged) {
      // How many bytes the rest has is not known one by one; on average is good enough to decide
      // when to merge.
      const before = view.to - view.merged;
      view.bytes = before <= 0 ? 0 : (view.bytes * Math.max(0, view.to - merged)) / before;
      if (view === this.seen) this.#dropMerged(merged);
      view.merged = merged;
    }
    const before = Math.max(0, this.#segments.firstOf(this.#segments.of(merged + 1)) - 1);
    if (view === this.ahead && view.to < merged) this.#hasUnlisted = true;
    if (view.to < before) {
      view.to = before;
      view.segmentWeight = 0;
    }
  }

  #dropMerged(merged: number): void {
    const { recent, to } = this.seen;
    // Entries that were merged before this process has read them: nobody knows of which keys they
    // are.
    if (merged > to || recent.size > FORGOTTEN_ONE_BY_ONE) this.#known.clear();
    recent.dropBelow(merged + 1, (key) => this.#known.forget(key));
  }

  #readOn(view: View): void {
    for (;;) {
      const number = view.to + 1;
      const entry = this.#entries.getBinaryFast(this.#numberKey(number));
      if (entry === undefined) {
        if (!view.isWhole) this.#requireEnd(view.to);
        view.isWhole = true;
        return;
      }
      const length = lengthOfLast(this.#entries);
      if (number % this.#segments.entries === 0) view.segmentWeight = 0;
      view.segmentWeight += weightOf(length);
      if (number > view.merged) {
        // The bytes are checked when they are read for what they say; a key that is not a key would
        // stop everything here.
        if (KEY_AT + keyLengthOf(entry) > length) throw damaged(`entry ${number} is not as it was written`);
        view.bytes += length;
        this.#note(view, keyTextOf(entry), number, (flagsOf(entry) & INDEXED) !== 0);
      }
      view.to = number;
    }
  }

  /**
   * A missing entry would look like the end; to look behind it costs too much for every snapshot,
   * so it is done for the first.
   */
  #requireEnd(to: number): void {
    for (const last of this.#entries.getKeys({ reverse: true, limit: 1 })) {
      if (readTime(last, 0) > to) throw damaged(`entry ${to + 1} is missing`);
    }
  }

  #numberKey(number: number): Buffer {
    writeTime(this.#number, number, 0);
    return this.#number;
  }
}
