/**
 * What one process knows of the log entries that the index does not include yet, at two points in
 * time:
 *
 *   seen    in its current snapshot
 *   ahead   in its write transaction: what that has read and appended beyond the snapshot
 *
 * Each is updated by reading new entries when a snapshot or transaction is first used. The process
 * does not read entries that it has appended itself: after their commit they move from `ahead` to
 * `seen` as soon as a snapshot includes the last of them.
 *
 * This file also keeps the cache of the index (`known-numbers.ts`) correct. A key that gets a new
 * entry is recent first; when it is merged, its cached number is dropped. If another process has
 * merged entries before this one has read them, the whole cache is dropped.
 */

import { randomBytes } from 'node:crypto';
import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import { KnownNumbers } from './known-numbers.ts';
import { lengthOfLast, type Table } from './lmdb-internals.ts';
import type { ReusedKey } from './lmdb-keys.ts';
import { type IndexedPlace, RecentEntries, type RecentEntry, UNKNOWN_PLACE } from './recent-entries.ts';
import { COPY, damaged, flagsOf, INDEXED, isPlain, KEY_AT, keyLengthOf, keyTextOf } from './record-entry.ts';
import { NO_ENTRY } from './record-index.ts';
import { type Segments, weightOf } from './segments.ts';

/** What a process knows of the entries in one view of the environment. */
interface View {
  readonly recent: RecentEntries;
  /** The highest number that the index includes. */
  merged: number;
  isDamaged: boolean;
  /** The highest number that has been read. */
  to: number;
  /** The weight of the entries up to `to` in the segment of `to`. */
  segmentWeight: number;
  /** Whether one of those entries is no copy. */
  hasOriginals: boolean;
  /** Bytes of the entries above `merged`. */
  bytes: number;
  /** Whether it was verified that nothing follows the apparent end. */
  isWhole: boolean;
}

/** How far a transaction had come when it ended. */
interface Reached {
  readonly to: number;
  readonly segmentWeight: number;
  readonly hasOriginals: boolean;
  readonly bytes: number;
}

const MERGED_KEY = Buffer.from('merged');
/** Table `meta`: which process has merged last, as random bytes. */
const MERGER_KEY = Buffer.from('merger');
const MERGER_BYTES = 8;
/** If more keys than this are merged at once, the whole cache is dropped. */
const FORGOTTEN_ONE_BY_ONE = 16 * 1024;

const emptyView = (): View => ({
  recent: new RecentEntries(),
  merged: 0,
  isDamaged: false,
  to: 0,
  segmentWeight: 0,
  hasOriginals: false,
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
  /** The keys of the entries of `ahead`, in the order of their numbers. */
  #aheadKeys: string[] = [];
  #aheadNumbers: number[] = [];
  #aheadWeights: number[] = [];
  /** Names this process as the one that merges. */
  readonly #merger = randomBytes(MERGER_BYTES);
  /**
   * Whether some entry of `ahead` is not listed, because it went to the index at once or was merged
   * unread.
   */
  #hasUnlisted = false;
  /** The states of the last ended transaction and of the last committed one. */
  #ended: Reached | undefined;
  #committed: Reached | undefined;
  isWriting = false;

  constructor(entries: Table, meta: Table, segments: Segments) {
    this.#entries = entries;
    this.#meta = meta;
    this.#segments = segments;
  }

  /** The view for the current operation. */
  get present(): View {
    return this.isWriting ? this.ahead : this.seen;
  }

  /** The number of a key's recent entry; undefined when the index has it or there is none. */
  recentOf(key: ReusedKey): number | undefined {
    if (this.seen.recent.size === 0 && (!this.isWriting || this.ahead.recent.size === 0)) return undefined;
    return this.recentOfText(key.text);
  }

  /** @param key as a string of one character per byte */
  recentOfText(key: string): number | undefined {
    const { seen, ahead } = this;
    const number = this.isWriting ? (ahead.recent.get(key) ?? seen.recent.get(key)) : seen.recent.get(key);
    return number !== undefined && number > this.present.merged ? number : undefined;
  }

  /** All that memory knows of a recent key; within a write transaction. */
  recentEntryOf(key: string): RecentEntry | undefined {
    const entry = this.ahead.recent.entryOf(key) ?? this.seen.recent.entryOf(key);
    return entry !== undefined && entry.number > this.ahead.merged ? entry : undefined;
  }

  /**
   * Begins to merge, within a write transaction. If another process has merged since this one did,
   * memory no longer knows where the index leads.
   */
  beginMerging(): void {
    const last = this.#meta.getBinaryFast(MERGER_KEY);
    if (last !== undefined && this.#merger.equals(last.subarray(0, lengthOfLast(this.#meta)))) return;
    this.#meta.putSync(MERGER_KEY, this.#merger);
    this.seen.recent.forgetAllIndexed();
    this.ahead.recent.forgetAllIndexed();
  }

  /** A key is merged: the index leads elsewhere now, or not, if the transaction is refused. */
  merging(key: string): void {
    this.seen.recent.forgetIndexed(key);
    this.ahead.recent.forgetIndexed(key);
  }

  /**
   * The number that the index most likely has for a key that is not recent; {@link NO_ENTRY} when
   * it is not cached.
   */
  guess(key: ReusedKey): number {
    // Entries beyond the snapshot may be in the index already.
    if (this.isWriting && (this.#hasUnlisted || this.ahead.merged !== this.seen.merged)) return NO_ENTRY;
    return this.#known.get(key);
  }

  /** Caches the number that the index has for a key that is not recent. */
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
      ahead.hasOriginals = seen.hasOriginals;
      ahead.bytes = seen.bytes;
      ahead.merged = seen.merged;
      ahead.isWhole = seen.isWhole;
    }
    this.#startAt(ahead);
    this.#readOn(ahead);
  }

  transactionEnds(): void {
    this.isWriting = false;
    const { to, segmentWeight, hasOriginals, bytes } = this.ahead;
    this.#ended = { to, segmentWeight, hasOriginals, bytes };
  }

  transactionCommitted(): void {
    this.#committed = this.#ended;
  }

  /** The appended entries do not exist, and another process may use their numbers. */
  transactionRefused(): void {
    const { ahead } = this;
    this.#forgetAhead();
    this.#hasUnlisted = false;
    this.#committed = undefined;
    ahead.merged = 0;
    ahead.to = 0;
    ahead.segmentWeight = 0;
    ahead.hasOriginals = false;
    ahead.bytes = 0;
    ahead.isWhole = false;
  }

  /**
   * Records an entry that the transaction has appended.
   *
   * @param isCopy whether cleaning has appended it
   * @param isWhole whether its place can be told without reading it again
   * @param indexed where the index leads for the key
   */
  appended(
    key: string,
    number: number,
    length: number,
    {
      isIndexed,
      isCopy,
      isWhole,
      indexed,
    }: { isIndexed: boolean; isCopy: boolean; isWhole: boolean; indexed: IndexedPlace },
  ): void {
    const { ahead } = this;
    const weight = weightOf(length);
    if (isIndexed) {
      this.#hasUnlisted = true;
    } else {
      ahead.recent.set(key, number, isWhole ? weight : 0, indexed);
      this.#aheadKeys.push(key);
      this.#aheadNumbers.push(number);
      this.#aheadWeights.push(isWhole ? weight : 0);
    }
    ahead.to = number;
    ahead.segmentWeight += weight;
    ahead.hasOriginals ||= !isCopy;
    ahead.bytes += length;
  }

  /**
   * Records that the index includes all entries up to `merged`, and whether it is damaged; within a
   * write transaction.
   */
  putState(merged: number, isDamaged: boolean): void {
    const value = Buffer.alloc(TIME_BYTES + 1, isDamaged ? 1 : 0);
    writeTime(value, merged, 0);
    this.#meta.putSync(MERGED_KEY, value);
  }

  /** Moves our committed entries from `ahead` to `seen`, if the snapshot includes them. */
  #takeOver(): void {
    const { seen } = this;
    const reached = this.#committed;
    if (reached === undefined || reached.to <= seen.to) return;
    // Having read everything up to the end of the transaction and appended the rest, this process
    // knows every number up to there.
    if (this.#entries.getBinaryFast(this.#numberKey(reached.to)) === undefined) return;
    const keys = this.#aheadKeys;
    const numbers = this.#aheadNumbers;
    for (let at = 0; at < keys.length && numbers[at]! <= reached.to; at += 1) {
      if (numbers[at]! <= seen.to) continue;
      const key = keys[at]!;
      const indexed = this.ahead.recent.entryOf(key)?.indexed ?? UNKNOWN_PLACE;
      seen.recent.set(key, numbers[at]!, this.#aheadWeights[at]!, indexed);
    }
    if (this.#hasUnlisted) this.#known.clear();
    seen.to = reached.to;
    seen.segmentWeight = reached.segmentWeight;
    seen.hasOriginals = reached.hasOriginals;
    seen.bytes = reached.bytes;
    seen.isWhole = true;
  }

  /** Removes from `ahead` what `seen` includes. */
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
    this.#aheadWeights = this.#aheadWeights.slice(at);
  }

  #forgetAhead(): void {
    this.ahead.recent.clear();
    this.#aheadKeys = [];
    this.#aheadNumbers = [];
    this.#aheadWeights = [];
  }

  /** Records an entry that another process has appended. */
  #note(view: View, entry: Buffer, number: number, length: number): void {
    const key = keyTextOf(entry);
    const isIndexed = (flagsOf(entry) & INDEXED) !== 0;
    if (isIndexed) {
      if (view === this.seen) this.#known.forget(key);
      else this.#hasUnlisted = true;
      return;
    }
    const weight = isPlain(entry) ? weightOf(length) : 0;
    view.recent.set(key, number, weight, UNKNOWN_PLACE);
    if (view === this.seen) return;
    this.#aheadKeys.push(key);
    this.#aheadNumbers.push(number);
    this.#aheadWeights.push(weight);
  }

  /**
   * Removes what has been merged. Reading starts at the segment of the first recent entry, to know
   * its weight.
   */
  #startAt(view: View): void {
    const state = this.#meta.getBinaryFast(MERGED_KEY);
    const merged = state === undefined ? 0 : readTime(state, 0);
    view.isDamaged = state !== undefined && state[TIME_BYTES] === 1;
    if (merged > view.merged) {
      // The bytes of single entries are not known; the average is good enough to decide when to
      // merge.
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
      view.hasOriginals = false;
    }
  }

  #dropMerged(merged: number): void {
    const { recent, to } = this.seen;
    // These entries were merged before this process read them, so their keys are unknown.
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
      if (number % this.#segments.entries === 0) {
        view.segmentWeight = 0;
        view.hasOriginals = false;
      }
      view.segmentWeight += weightOf(length);
      view.hasOriginals ||= (flagsOf(entry) & COPY) === 0;
      if (number > view.merged) {
        // Checksums are verified when an entry is used; only an invalid key length must be caught
        // here.
        if (KEY_AT + keyLengthOf(entry) > length) throw damaged(`entry ${number} is not as it was written`);
        view.bytes += length;
        this.#note(view, entry, number, length);
      }
      view.to = number;
    }
  }

  /**
   * A missing entry would look like the end of the log. Looking behind the end costs too much for
   * every snapshot, so it is done for the first one.
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
