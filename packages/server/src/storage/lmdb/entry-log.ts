/**
 * The records of all profiles, one behind the other in the order of their changes, and which entry counts for each key.
 *
 *   `records`   number (48 bits, rising by one) → entry (`record-entry.ts`)
 *   `index`     key → number (`record-index.ts`), as of the last merge
 *   `segments`  how much of each stretch of `records` is still needed (`segments.ts`)
 *   `meta`      `merged` → the highest number that the index knows of; then a byte that is 1 when the index was found damaged
 *
 * An entry
 *
 *   is recent       its number is above `merged`: each process has the newest one of each key in memory; a merge → in the index
 *   is in the index its key leads to it; a later entry of the key → superseded
 *   is superseded   nobody reads it again, unless a delta is based on it; cleaning its segment → gone
 *
 * To append costs a few bytes of a page that is written anyway. To keep the index would cost a page of its own for each key, so the
 * index gets many keys at a time, in its own order (`index-merger.ts`). What each process knows of the entries above `merged` is in
 * two parts: what its present snapshot has, and what write transactions have seen or made beyond that. Both are brought up to date
 * at the first look of a snapshot or transaction, by reading the entries that came since.
 *
 * Traded: a look into memory before the index, and that memory ({@link EntryLogOptions} bounds it), for a small part of the writes.
 * When the memory is full an entry goes to the index at once, at the price of its page.
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { lengthOfLast, type PartlyUsed, partlyUsed, putLast, type Table } from './lmdb-internals.ts';
import { ReusedKey } from './lmdb-keys.ts';
import { baseOf } from './profile-delta.ts';
import { RecentEntries } from './recent-entries.ts';
import {
  COPY,
  DELTA,
  damaged,
  flagsOf,
  INDEXED,
  isSound,
  KEY_AT,
  keyLengthOf,
  keyTextOf,
  REMOVAL,
  seal,
  setFlags,
} from './record-entry.ts';
import { NO_ENTRY, type Place, RecordIndex } from './record-index.ts';
import { Segments, weightOf } from './segments.ts';

export interface EntryLogOptions {
  /** How many keys may be in memory before entries go to the index at once; 786,432 by default, some 100 MB in each process. */
  readonly recentKeys?: number | undefined;
  /** How many bytes these keys may take, in sum; 48 MiB by default. */
  readonly recentKeyBytes?: number | undefined;
  /** How many entries make a segment: fixed for a store; 1,024 by default, fewer for tests alone. */
  readonly segmentEntries?: number | undefined;
}

/** What is not in the index yet. */
export interface Waiting {
  readonly keys: number;
  /** Bytes of all entries above `merged`, superseded ones too. */
  readonly bytes: number;
  readonly to: number;
  readonly merged: number;
}

const RECENT_KEYS = 768 * 1024;
const RECENT_KEY_BYTES = 48 * 1024 ** 2;
const MERGED_KEY = Buffer.from('merged');
/** Larger entries are few; each gets memory of its own. */
const KEPT_BYTES = 192 * 1024;

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

const emptyView = (): View => ({
  recent: new RecentEntries(),
  merged: 0,
  isDamaged: false,
  to: 0,
  segmentWeight: 0,
  bytes: 0,
  isWhole: false,
});

export class EntryLog {
  readonly entries: Table;
  readonly index: RecordIndex;
  readonly segments: Segments;
  readonly #meta: Table;
  /** As of the present snapshot. */
  readonly #seen = emptyView();
  /** What the write transaction has beyond the snapshot. */
  readonly #ahead = emptyView();
  readonly #number: Buffer = Buffer.alloc(TIME_BYTES);
  readonly #current = new ReusedKey();
  readonly #kept = partlyUsed(KEPT_BYTES);
  readonly #recentKeys: number;
  readonly #recentKeyBytes: number;
  #isWriting = false;
  #length = 0;
  #lastRead = NO_ENTRY;

  constructor(environment: LmdbEnvironment, options: EntryLogOptions = {}) {
    this.#recentKeys = options.recentKeys ?? RECENT_KEYS;
    this.#recentKeyBytes = options.recentKeyBytes ?? RECENT_KEY_BYTES;
    this.entries = environment.table('records');
    this.segments = new Segments(environment.table('segments'), options.segmentEntries);
    this.index = new RecordIndex(environment.table('index'), this.segments);
    this.#meta = environment.table('meta');
    environment.watch({
      snapshotBegins: () => this.#lookAgain(),
      transactionBegins: () => {
        this.#isWriting = true;
        this.segments.forget();
        this.#lookAhead();
      },
      transactionEnds: () => {
        this.segments.flush();
        this.#isWriting = false;
      },
      // What it appended is not there, and another process may take its numbers.
      transactionRefused: () => this.#forgetAhead(),
    });
  }

  /** The number of the entry that counts for a key; {@link NO_ENTRY} when it never had one. The entry may say that it is gone. */
  find(key: ReusedKey): number {
    return this.#recentOf(key) ?? this.index.find(key.view);
  }

  #recentOf(key: ReusedKey): number | undefined {
    const seen = this.#seen;
    const ahead = this.#ahead;
    if (!this.#isWriting) {
      return seen.recent.size === 0 ? undefined : countsIf(seen.recent.get(key.text), seen.merged);
    }
    if (seen.recent.size === 0 && ahead.recent.size === 0) return undefined;
    const { text } = key;
    return countsIf(ahead.recent.get(text) ?? seen.recent.get(text), ahead.merged);
  }

  /**
   * Reads an entry, as the library lends it; {@link length} says how long it is.
   *
   * @throws QuiverError `unavailable` when it is not there or not as it was written
   */
  read(number: number): Buffer {
    const entry = this.entries.getBinaryFast(this.#numberKey(number));
    if (entry === undefined) throw damaged(`there is no entry ${number}`);
    this.#length = lengthOfLast(this.entries);
    if (!isSound(entry, this.#length, number)) throw damaged(`entry ${number} is not as it was written`);
    this.#lastRead = number;
    return entry;
  }

  /** The number of the entry that {@link read} has just lent. */
  get lastRead(): number {
    return this.#lastRead;
  }

  /** How long the entry is that {@link read} has just lent. */
  get length(): number {
    return this.#length;
  }

  /** Memory for an entry of at most so many bytes, good until the next call; {@link append} takes it. */
  room(bytes: number): Buffer {
    return bytes <= KEPT_BYTES ? this.#kept : Buffer.allocUnsafe(bytes);
  }

  /**
   * Appends an entry, within a write transaction.
   *
   * @param entry its bytes from {@link room}; flags and checksum are written here
   * @param key its key
   * @param flags {@link COPY} or nothing
   * @returns its number
   */
  append(entry: Buffer, length: number, key: ReusedKey, flags = 0): number {
    const ahead = this.#ahead;
    const number = ahead.to + 1;
    const { text } = key;
    if (number % this.segments.entries === 0) {
      this.segments.complete(this.segments.of(number) - 1, ahead.segmentWeight);
      ahead.segmentWeight = 0;
    }
    const isIndexed = this.#isFull && countsIf(this.#recentText(text), ahead.merged) === undefined;
    setFlags(entry, isIndexed ? flags | INDEXED : flags);
    seal(entry, length, number);
    let value = entry;
    if (entry === this.#kept) (entry as PartlyUsed).end = length;
    else value = entry.subarray(0, length);
    if (!putLast(this.entries, this.#numberKey(number), value)) {
      throw damaged(`there is an entry ${number} already`);
    }
    if (isIndexed) this.indexEntry(key.view, number, entry, length);
    else ahead.recent.set(text, number);
    ahead.to = number;
    ahead.segmentWeight += weightOf(length);
    ahead.bytes += length;
    return number;
  }

  #recentText(text: string): number | undefined {
    return this.#ahead.recent.get(text) ?? this.#seen.recent.get(text);
  }

  /** Whether a key that has no recent entry goes to the index at once. */
  get #isFull(): boolean {
    const { recent } = this.#seen;
    const more = this.#ahead.recent;
    return (
      recent.size + more.size >= this.#recentKeys || recent.keyBytes + more.keyBytes >= this.#recentKeyBytes
    );
  }

  /** Writes to the index what an entry says; within a write transaction. */
  indexEntry(key: Buffer, number: number, entry: Buffer, length: number): void {
    if (entry[0] === REMOVAL) this.index.remove(key);
    else this.index.put(key, placeOf(number, entry, length));
  }

  /** The number of the entry that counts for the key of an entry, which is read as it stands. */
  currentOf(entry: Buffer): number {
    const key = this.#current;
    key.set(entry, KEY_AT, KEY_AT + keyLengthOf(entry));
    return this.find(key);
  }

  /** Appends an entry once more, as a copy; within a write transaction. @param entry as the library lent it */
  copy(entry: Buffer, length: number): void {
    const room = this.room(length);
    room.set(entry.subarray(0, length));
    this.#current.set(room, KEY_AT, KEY_AT + keyLengthOf(room));
    this.append(room, length, this.#current, COPY);
  }

  /** Removes an entry that nothing leads to; within a write transaction. */
  removeEntry(number: number): void {
    this.entries.removeSync(this.#numberKey(number));
  }

  /** Whether there is an entry of that number; {@link read} reads it. */
  has(number: number): boolean {
    return this.entries.getBinaryFast(this.#numberKey(number)) !== undefined;
  }

  /** What is not in the index yet, as of the present snapshot. */
  waiting(): Waiting {
    const { recent, to, merged, bytes } = this.#seen;
    return { keys: recent.size, bytes, to, merged };
  }

  /** The newest entry of each key that has a recent one, in the order of the keys, as of the present snapshot. */
  recentSorted(): { readonly key: string; readonly number: number }[] {
    const { recent, to } = this.#seen;
    return recent.upTo(to).sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  /** The keys from `start` up to `end` that have a recent entry, in no order, as of the present snapshot. */
  recentBetween(start: string, end: string): string[] {
    return this.#seen.recent.between(start, end);
  }

  /** Whether the recent entry of a key is the one of that number; within a write transaction. */
  isNewest(key: string, number: number): boolean {
    return countsIf(this.#recentText(key), this.#ahead.merged) === number;
  }

  /** Notes that the index knows of all entries up to `to`; within a write transaction. */
  setMerged(to: number): void {
    if (to > this.#ahead.merged) this.#putState(to, this.#ahead.isDamaged);
  }

  /** Whether the index was found damaged, so that a key which is not in it may have been lost. */
  get isDamaged(): boolean {
    return this.#isWriting ? this.#ahead.isDamaged : this.#seen.isDamaged;
  }

  /** Says within the store whether the index is damaged; within a write transaction. */
  setDamaged(isDamaged: boolean): void {
    this.#putState(this.#ahead.merged, isDamaged);
  }

  #putState(merged: number, isDamaged: boolean): void {
    const value = Buffer.alloc(TIME_BYTES + 1, isDamaged ? 1 : 0);
    writeTime(value, merged, 0);
    this.#meta.putSync(MERGED_KEY, value);
  }

  /** Brings what is known of the entries up to the snapshot. */
  #lookAgain(): void {
    const seen = this.#seen;
    this.#startAt(seen);
    this.#readOn(seen);
    this.#ahead.recent.dropBelow(seen.to + 1);
  }

  /** Brings what is known of the entries up to the transaction. */
  #lookAhead(): void {
    const ahead = this.#ahead;
    const seen = this.#seen;
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

  #forgetAhead(): void {
    const ahead = this.#ahead;
    ahead.recent.clear();
    ahead.merged = 0;
    ahead.to = 0;
    ahead.segmentWeight = 0;
    ahead.bytes = 0;
    ahead.isWhole = false;
  }

  /** Leaves out what has been merged. Reading begins with the segment of the first recent entry, for the sake of its weight. */
  #startAt(view: View): void {
    const state = this.#meta.getBinaryFast(MERGED_KEY);
    const merged = state === undefined ? 0 : readTime(state, 0);
    view.isDamaged = state !== undefined && state[TIME_BYTES] === 1;
    if (merged > view.merged) {
      // How many bytes the rest has is not known one by one; on average is good enough to decide when to merge.
      const before = view.to - view.merged;
      view.bytes = before <= 0 ? 0 : (view.bytes * Math.max(0, view.to - merged)) / before;
      view.recent.dropBelow(merged + 1);
      view.merged = merged;
    }
    const before = Math.max(0, this.segments.firstOf(this.segments.of(merged + 1)) - 1);
    if (view.to < before) {
      view.to = before;
      view.segmentWeight = 0;
    }
  }

  #readOn(view: View): void {
    for (;;) {
      const number = view.to + 1;
      const entry = this.entries.getBinaryFast(this.#numberKey(number));
      if (entry === undefined) {
        if (!view.isWhole) this.#requireEnd(view.to);
        view.isWhole = true;
        return;
      }
      const length = lengthOfLast(this.entries);
      if (number % this.segments.entries === 0) view.segmentWeight = 0;
      view.segmentWeight += weightOf(length);
      if (number > view.merged) {
        // The bytes are checked when they are read for what they say; a key that is not a key would stop everything here.
        if (KEY_AT + keyLengthOf(entry) > length) throw damaged(`entry ${number} is not as it was written`);
        view.bytes += length;
        if ((flagsOf(entry) & INDEXED) === 0) view.recent.set(keyTextOf(entry), number);
      }
      view.to = number;
    }
  }

  /** A missing entry would look like the end; to look behind it costs too much for every snapshot, so it is done for the first. */
  #requireEnd(to: number): void {
    for (const last of this.entries.getKeys({ reverse: true, limit: 1 })) {
      if (readTime(last, 0) > to) throw damaged(`entry ${to + 1} is missing`);
    }
  }

  #numberKey(number: number): Buffer {
    writeTime(this.#number, number, 0);
    return this.#number;
  }
}

function countsIf(number: number | undefined, merged: number): number | undefined {
  return number !== undefined && number > merged ? number : undefined;
}

function placeOf(number: number, entry: Buffer, length: number): Place {
  const weight = weightOf(length);
  if (entry[0] !== DELTA) return { number, weight, base: NO_ENTRY, baseWeight: 0 };
  const { base, baseWeight } = baseOf(entry, KEY_AT + keyLengthOf(entry));
  return { number, weight, base, baseWeight };
}
