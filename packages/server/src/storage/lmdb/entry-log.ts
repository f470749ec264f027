/**
 * The records of all profiles, appended in the order of their changes, and which entry is current
 * for each key.
 *
 * `records`   number (48 bits, increasing by one) → entry (`record-entry.ts`)
 * `index`     key → number (`record-index.ts`), as of the last merge
 * `segments`  how much of each range of `records` is still needed (`segments.ts`)
 * `meta`      `merged` → the highest number that the index includes, then a byte that is 1 when the
 *             index was found damaged; `merger` → the process that has merged last
 *
 *   An entry is
 *   recent       its number is above `merged`; each process keeps the newest one of each key in
 *                memory; a merge → in the index
 *   in the index its key leads to it; a later entry of the key → superseded
 *   superseded   never read again, unless a delta is based on it; cleaning of its segment → removed
 *
 * Appending costs a few bytes of a page that is written anyway. Updating the index for each entry
 * would cost a page per key, so the index is updated with many keys at once, in its own order
 * (`index-merger.ts`). `entry-views.ts` keeps what each process knows of the entries above
 * `merged`.
 *
 * The price is a look-up in memory before the index, and that memory, which {@link EntryLogOptions}
 * limits. When it is full, an entry is added to the index at once, which costs its page.
 */

import { TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import { EntryViews } from './entry-views.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { lengthOfLast, type PartlyUsed, partlyUsed, putLast, type Table } from './lmdb-internals.ts';
import { handleKey, ReusedKey } from './lmdb-keys.ts';
import { baseOf } from './profile-delta.ts';
import {
  type IndexedPlace,
  NOWHERE,
  PLACE_AS_BEFORE,
  type RecentEntry,
  UNKNOWN_PLACE,
} from './recent-entries.ts';
import {
  CHANNEL,
  COPY,
  DELTA,
  damaged,
  INDEXED,
  isPlain,
  isSound,
  KEY_AT,
  keyLengthOf,
  REMOVAL,
  seal,
  setFlags,
  writeEntryHead,
} from './record-entry.ts';
import { NO_ENTRY, type Place, RecordIndex } from './record-index.ts';
import { Segments, weightOf } from './segments.ts';

export interface EntryLogOptions {
  /**
   * The most keys in memory before entries go to the index at once; 786,432 by default, about 100
   * MB in each process.
   */
  readonly recentKeys?: number | undefined;
  /** The most bytes of these keys together; 48 MiB by default. */
  readonly recentKeyBytes?: number | undefined;
  /**
   * The number of entries per segment. Fixed for a store; 1,024 by default, fewer only in tests.
   */
  readonly segmentEntries?: number | undefined;
}

/** Entries that are not in the index yet. */
export interface Waiting {
  readonly keys: number;
  /** Bytes of all entries above `merged`, including superseded ones. */
  readonly bytes: number;
  readonly to: number;
  readonly merged: number;
}

const RECENT_KEYS = 768 * 1024;
const RECENT_KEY_BYTES = 48 * 1024 ** 2;
/** Larger entries are rare; each gets its own memory. */
const KEPT_BYTES = 192 * 1024;

export class EntryLog {
  readonly entries: Table;
  readonly index: RecordIndex;
  readonly segments: Segments;
  readonly #views: EntryViews;
  readonly #number: Buffer = Buffer.alloc(TIME_BYTES);
  readonly #current = new ReusedKey();
  readonly #kept = partlyUsed(KEPT_BYTES);
  readonly #recentKeys: number;
  readonly #recentKeyBytes: number;
  #length = 0;
  #lastRead = NO_ENTRY;
  /** Where the index leads for the key that {@link newest} has looked up last. */
  #place: IndexedPlace = UNKNOWN_PLACE;
  #isDistrusted = false;

  constructor(environment: LmdbEnvironment, options: EntryLogOptions = {}) {
    this.#recentKeys = options.recentKeys ?? RECENT_KEYS;
    this.#recentKeyBytes = options.recentKeyBytes ?? RECENT_KEY_BYTES;
    this.entries = environment.table('records');
    this.segments = new Segments(environment.table('segments'), options.segmentEntries);
    this.index = new RecordIndex(environment.table('index'), this.segments);
    const views = new EntryViews(this.entries, environment.table('meta'), this.segments);
    this.#views = views;
    environment.watch({
      snapshotBegins: () => views.snapshotBegins(),
      transactionBegins: () => {
        this.segments.forget();
        views.transactionBegins();
      },
      transactionEnds: () => {
        this.segments.flush();
        views.transactionEnds();
      },
      transactionCommitted: () => views.transactionCommitted(),
      transactionRefused: () => views.transactionRefused(),
    });
  }

  /**
   * The number of the current entry of a key; {@link NO_ENTRY} if it never had one. The entry may
   * be a removal.
   */
  find(key: ReusedKey): number {
    return this.#views.recentOf(key) ?? this.index.find(key.view);
  }

  /**
   * Reads the current entry of a key, unless it is a removal. The returned buffer is lent by the
   * library; {@link length} is the length of the entry.
   *
   * @throws QuiverError `unavailable` when the entry is missing or damaged, or may have been lost
   */
  newest(key: ReusedKey): Buffer | undefined {
    let number = this.#views.recentOf(key);
    const isRecent = number !== undefined;
    this.#place = PLACE_AS_BEFORE;
    if (number === undefined) {
      const guessed = this.#views.guess(key);
      const entry = guessed === NO_ENTRY ? undefined : this.#readGuessed(guessed, key);
      if (entry !== undefined) {
        this.#place = this.#placeIn(entry, guessed);
        return entry;
      }
      number = this.index.find(key.view);
      if (number !== NO_ENTRY) this.#views.remember(key, number);
    }
    if (number === NO_ENTRY) {
      if (this.isDamaged) throw damaged('the index is damaged: the key may have been lost');
      this.#place = NOWHERE_PLACE;
      return undefined;
    }
    const entry = this.read(number);
    if (!key.equals(entry, KEY_AT, keyLengthOf(entry))) throw damaged(`entry ${number} has another key`);
    if (!isRecent) this.#place = this.#placeIn(entry, number);
    return entry[0] === REMOVAL ? undefined : entry;
  }

  /** The place of an entry that was just read, which the index leads to. */
  #placeIn(entry: Buffer, number: number): IndexedPlace {
    return isPlain(entry) ? { number, weight: weightOf(this.#length) } : UNKNOWN_PLACE;
  }

  /**
   * Reads an entry. The returned buffer is lent by the library; {@link length} is the length of the
   * entry.
   *
   * @throws QuiverError `unavailable` when it is missing or damaged
   */
  read(number: number): Buffer {
    const entry = this.entries.getBinaryFast(this.#numberKey(number));
    if (entry === undefined) throw damaged(`there is no entry ${number}`);
    this.#length = lengthOfLast(this.entries);
    if (!isSound(entry, this.#length, number)) throw damaged(`entry ${number} is not as it was written`);
    this.#lastRead = number;
    return entry;
  }

  /**
   * Reads an entry if it is intact, belongs to this key and is not a removal. Undefined says
   * nothing about the key.
   */
  #readGuessed(number: number, key: ReusedKey): Buffer | undefined {
    const entry = this.entries.getBinaryFast(this.#numberKey(number));
    if (entry === undefined) return undefined;
    this.#length = lengthOfLast(this.entries);
    if (!isSound(entry, this.#length, number) || entry[0] === REMOVAL) return undefined;
    this.#lastRead = number;
    return key.equals(entry, KEY_AT, keyLengthOf(entry)) ? entry : undefined;
  }

  /** The number of the entry that {@link read} has just lent. */
  get lastRead(): number {
    return this.#lastRead;
  }

  /** The length of the entry that {@link read} has just lent. */
  get length(): number {
    return this.#length;
  }

  /**
   * Memory for an entry of up to so many bytes, valid until the next call. To be passed to
   * {@link append}.
   */
  room(bytes: number): Buffer {
    return bytes <= KEPT_BYTES ? this.#kept : Buffer.allocUnsafe(bytes);
  }

  /**
   * Appends an entry, within a write transaction.
   *
   * @param entry its bytes, in memory from {@link room}; flags and checksum are added here
   * @param key its key
   * @param flags {@link COPY} or nothing
   * @param wasLookedUp whether `key` is what {@link newest} has looked up last; if so, the next
   *   merge need not search for the key
   * @returns its number
   */
  append(entry: Buffer, length: number, key: ReusedKey, flags = 0, wasLookedUp = false): number {
    const views = this.#views;
    const { ahead } = views;
    const number = ahead.to + 1;
    const { text } = key;
    if (number % this.segments.entries === 0) {
      this.segments.complete(this.segments.of(number) - 1, ahead.segmentWeight, !ahead.hasOriginals);
      ahead.segmentWeight = 0;
      ahead.hasOriginals = false;
    }
    const isIndexed = this.#isFull && views.recentOfText(text) === undefined;
    setFlags(entry, isIndexed ? flags | INDEXED : flags);
    seal(entry, length, number);
    let value = entry;
    if (entry === this.#kept) (entry as PartlyUsed).end = length;
    else value = entry.subarray(0, length);
    if (!putLast(this.entries, this.#numberKey(number), value)) {
      throw damaged(`there is an entry ${number} already`);
    }
    if (isIndexed) this.indexEntry(key.view, number, entry, length);
    views.appended(text, number, length, {
      isIndexed,
      isCopy: (flags & COPY) !== 0,
      isWhole: isPlain(entry),
      indexed: wasLookedUp ? this.#place : UNKNOWN_PLACE,
    });
    return number;
  }

  /** Whether a key without a recent entry goes to the index at once. */
  get #isFull(): boolean {
    const { recent } = this.#views.seen;
    const more = this.#views.ahead.recent;
    return (
      recent.size + more.size >= this.#recentKeys || recent.keyBytes + more.keyBytes >= this.#recentKeyBytes
    );
  }

  /** Applies an entry to the index, within a write transaction. */
  indexEntry(key: Buffer, number: number, entry: Buffer, length: number): void {
    if (entry[0] === REMOVAL) this.index.remove(key);
    else this.index.put(key, placeOf(number, entry, length));
  }

  /** Begins to merge recent entries into the index, within a write transaction. */
  beginMerging(): void {
    this.#views.beginMerging();
  }

  /** Adds the newest entry of a key to the index, within a write transaction. */
  merge(key: string, { number, weight, indexed }: RecentEntry): void {
    const bytes = Buffer.from(key, 'latin1');
    this.#views.merging(key);
    if (weight > 0) {
      this.index.put(bytes, { number, weight, base: NO_ENTRY, baseWeight: 0 }, indexed);
      return;
    }
    let entry: Buffer;
    try {
      entry = this.read(number);
    } catch {
      // The entry is damaged: a reader of the key must get an error, not "not found".
      this.index.put(bytes, { number, weight: 1, base: NO_ENTRY, baseWeight: 0 });
      return;
    }
    this.indexEntry(bytes, number, entry, this.length);
  }

  /**
   * The number of the current entry for the key of an entry; only the key of that entry is read.
   */
  currentOf(entry: Buffer): number {
    const key = this.#current;
    key.set(entry, KEY_AT, KEY_AT + keyLengthOf(entry));
    return this.find(key);
  }

  /**
   * Appends an entry again, as a copy, within a write transaction.
   * @param entry as the library lent it
   */
  copy(entry: Buffer, length: number): void {
    const room = this.room(length);
    room.set(entry.subarray(0, length));
    this.#current.set(room, KEY_AT, KEY_AT + keyLengthOf(room));
    this.append(room, length, this.#current, COPY);
  }

  /**
   * Appends empty entries until a new segment has started, so that the previous one can be cleaned;
   * within a write transaction.
   */
  beginSegment(): void {
    const key = this.#current;
    const nobody = handleKey('', 0);
    do {
      key.set(nobody, 0, nobody.length);
      const entry = this.room(KEY_AT + key.length);
      const end = writeEntryHead(entry, REMOVAL, CHANNEL.upkeep, 0, key.bytes, key.length);
      this.append(entry, end, key, COPY);
    } while (this.#views.ahead.to % this.segments.entries !== 0);
  }

  /** Removes an entry that nothing leads to, within a write transaction. */
  removeEntry(number: number): void {
    this.entries.removeSync(this.#numberKey(number));
  }

  /** Whether an entry of that number exists; {@link read} reads it. */
  has(number: number): boolean {
    return this.entries.getBinaryFast(this.#numberKey(number)) !== undefined;
  }

  /** The entries that are not in the index yet, in the current snapshot. */
  waiting(): Waiting {
    const { recent, to, merged, bytes } = this.#views.seen;
    return { keys: recent.size, bytes, to, merged };
  }

  /** The keys that have a recent entry, in key order, in the current snapshot. */
  recentSorted(): string[] {
    return this.#views.seen.recent.sorted();
  }

  /**
   * The keys from `start` to before `end` that have a recent entry, unordered, in the current
   * snapshot.
   */
  recentBetween(start: string, end: string): string[] {
    return this.#views.seen.recent.between(start, end);
  }

  /** What memory knows of a key that has a recent entry; within a write transaction. */
  recentEntry(key: string): RecentEntry | undefined {
    return this.#views.recentEntryOf(key);
  }

  /** Records that the index includes all entries up to `to`, within a write transaction. */
  setMerged(to: number): void {
    const { merged, isDamaged } = this.#views.ahead;
    if (to > merged) this.#views.putState(to, isDamaged);
  }

  /** Whether the index was found damaged, so that a key which is not in it may have been lost. */
  get isDamaged(): boolean {
    return this.#isDistrusted || this.#views.present.isDamaged;
  }

  /** As {@link setDamaged} with true, but only for this process, until it ends. Writes nothing. */
  distrust(): void {
    this.#isDistrusted = true;
  }

  /** Records in the store whether the index is damaged, within a write transaction. */
  setDamaged(isDamaged: boolean): void {
    this.#views.putState(this.#views.ahead.merged, isDamaged);
  }

  #numberKey(number: number): Buffer {
    writeTime(this.#number, number, 0);
    return this.#number;
  }
}

const NOWHERE_PLACE: IndexedPlace = { number: NOWHERE, weight: 0 };

function placeOf(number: number, entry: Buffer, length: number): Place {
  const weight = weightOf(length);
  if (entry[0] !== DELTA) return { number, weight, base: NO_ENTRY, baseWeight: 0 };
  const { base, baseWeight } = baseOf(entry, KEY_AT + keyLengthOf(entry));
  return { number, weight, base, baseWeight };
}
