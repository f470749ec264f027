/**
 * The newest records of profiles, one behind the other as they were written, until they are brought to where they stay.
 *
 * A record at its place in the tree of all profiles costs a commit a page of its own and one or two above it: 64 updates write 160 pages. Behind one
 * another they fill six. So a change appends here, and the tree is written later, by the background process, many records that lie side by side at a
 * time. All of it lies in the one environment: what is committed here is as durable, as atomic and as visible to every process as anywhere else.
 *
 *   `journal`       number (48 bits, rising by one) → record, key of the profile, length of that key (u16); no record: removed
 *   `meta`          `journalFirst` → the lowest number that counts; what is below it lies in the tree
 *
 * An entry
 *
 *   is the newest of its id      a reader takes it, whatever the tree has
 *   is superseded                a later entry of the id counts; nobody reads it again
 *   is settled                   its number is below `journalFirst`: the tree has what it says, or something newer
 *
 * What each process knows of the entries is an index in memory of the newest one of each id, in two parts: what its present snapshot has, and what
 * write transactions have seen or made beyond that. Both are brought up to date at the first look of a snapshot or transaction, by reading the entries that
 * came since. Nobody else writes them: a batch writes the tree directly, but not under an id that has its newest record here.
 *
 * Traded: a second look for each fetch while there are entries, and their index in memory (`MAX_ENTRIES` bounds both), for a third of the time of an
 * update.
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { type LmdbEnvironment, lengthOfLast, type Table } from './lmdb-environment.ts';
import { parseProfileKey } from './lmdb-keys.ts';
import { NewestEntries } from './newest-entries.ts';
import { ReusedValue } from './reused-value.ts';

/** When so many wait to be settled, what has no entry yet is written to the tree at once. */
const MAX_ENTRIES = 256 * 1024;

const FIRST_KEY = Buffer.from('journalFirst');
const KEY_LENGTH = 2;
/** Only behind the last entry: cheaper, and it fills the pages. */
const ONLY_LAST = { append: true };
const NO_RECORD = Buffer.alloc(0);

/** What a process knows of the journal in one view of the environment. */
interface View {
  readonly newest: NewestEntries;
  /** The lowest number that counts. */
  first: number;
  /** The highest number that has been looked at. */
  to: number;
}

export class ProfileJournal {
  readonly #entries: Table;
  readonly #meta: Table;
  /** As of the present snapshot. */
  readonly #seen: View = { newest: new NewestEntries(), first: 1, to: 0 };
  /** What the write transaction has beyond the snapshot. */
  readonly #ahead: View = { newest: new NewestEntries(), first: 1, to: 0 };
  readonly #number = Buffer.alloc(TIME_BYTES);
  readonly #value = new ReusedValue();
  readonly #maxEntries: number;
  #isWriting = false;
  #length = 0;

  constructor(environment: LmdbEnvironment, maxEntries: number = MAX_ENTRIES) {
    this.#maxEntries = maxEntries;
    this.#entries = environment.table('journal');
    this.#meta = environment.table('meta');
    environment.watch({
      snapshotBegins: () => this.#lookAgain(),
      transactionBegins: () => {
        this.#isWriting = true;
        this.#lookAhead();
      },
      transactionEnds: () => {
        this.#isWriting = false;
      },
      // What it appended is not there, and another process may take its numbers.
      transactionRefused: () => this.#forgetAhead(),
    });
  }

  /** Whether no id has an entry that counts. */
  get isEmpty(): boolean {
    return this.#seen.newest.size === 0 && (!this.#isWriting || this.#ahead.newest.size === 0);
  }

  /** Whether an id that has no entry is to be written to the tree. */
  get isFull(): boolean {
    return this.#ahead.to - this.#ahead.first >= this.#maxEntries;
  }

  /** The number of the entry that counts for an id; undefined when the tree does. */
  find(client: string, id: VisitorId): number | undefined {
    const number = this.#isWriting
      ? (this.#ahead.newest.get(client, id) ?? this.#seen.newest.get(client, id))
      : this.#seen.newest.get(client, id);
    const { first } = this.#isWriting ? this.#ahead : this.#seen;
    return number !== undefined && number >= first ? number : undefined;
  }

  /** Reads the record of an entry, as the library lends it; {@link length} says how long it is. Undefined when the entry says that it was removed. */
  read(number: number): Buffer | undefined {
    const entry = this.#entry(number);
    if (entry === undefined) throw new RangeError(`the journal has no entry ${number}`);
    this.#length = recordEnd(entry, lengthOfLast(this.#entries));
    return this.#length === 0 ? undefined : entry;
  }

  /** How long the record is that {@link read} has just lent. */
  get length(): number {
    return this.#length;
  }

  /** Writes the newest record of an id, within a write transaction. @param record left out: it was removed */
  append(client: string, id: VisitorId, key: Buffer, record: Buffer = NO_RECORD): void {
    const { newest, to } = this.#ahead;
    const number = to + 1;
    const value = this.#value.ofParts(record, key, key.length);
    // The library's types leave out what it returns.
    const done: unknown = this.#entries.putSync(this.#numberKey(number), value, ONLY_LAST);
    if (done !== true) throw new RangeError(`the journal has an entry ${number} already`);
    newest.set(client, id, number);
    this.#ahead.to = number;
  }

  /** The newest entry of each id that has one, and the last number of all, as of the present snapshot. */
  snapshot(): { readonly newest: NewestEntries; readonly count: number; readonly to: number } {
    const { newest, first, to } = this.#seen;
    return { newest, count: to + 1 - first, to };
  }

  /**
   * Removes the oldest entries, within a write transaction; all of them must lie in the tree.
   *
   * @param to the last number that does
   * @returns whether there are more up to it
   */
  clear(to: number, limit: number): boolean {
    const view = this.#ahead;
    const end = Math.min(to + 1, view.first + limit);
    if (end <= view.first) return false;
    for (let number = view.first; number < end; number += 1)
      this.#entries.removeSync(this.#numberKey(number));
    const bytes = Buffer.allocUnsafe(TIME_BYTES);
    writeTime(bytes, end, 0);
    this.#meta.putSync(FIRST_KEY, bytes);
    return end <= to;
  }

  /** Brings what is known of the entries up to the snapshot. */
  #lookAgain(): void {
    const seen = this.#seen;
    this.#startAt(seen, this.#first());
    this.#readOn(seen);
    this.#ahead.newest.dropBelow(seen.to + 1);
  }

  /** Brings what is known of the entries up to the transaction. */
  #lookAhead(): void {
    const ahead = this.#ahead;
    this.#startAt(ahead, this.#first());
    ahead.to = Math.max(ahead.to, this.#seen.to);
    this.#readOn(ahead);
  }

  #forgetAhead(): void {
    this.#ahead.newest.clear();
    this.#ahead.to = 0;
  }

  /** Leaves out what has been settled. */
  #startAt(view: View, first: number): void {
    if (first > view.first) view.newest.dropBelow(first);
    view.first = first;
    view.to = Math.max(view.to, first - 1);
  }

  #readOn(view: View): void {
    for (;;) {
      const entry = this.#entry(view.to + 1);
      if (entry === undefined) return;
      const length = lengthOfLast(this.#entries);
      const { client, id } = parseProfileKey(entry.subarray(recordEnd(entry, length), length - KEY_LENGTH));
      view.to += 1;
      view.newest.set(client, id, view.to);
    }
  }

  #first(): number {
    const bytes = this.#meta.getBinaryFast(FIRST_KEY);
    return bytes === undefined ? 1 : readTime(bytes, 0);
  }

  #entry(number: number): Buffer | undefined {
    return this.#entries.getBinaryFast(this.#numberKey(number));
  }

  #numberKey(number: number): Buffer {
    writeTime(this.#number, number, 0);
    return this.#number;
  }
}

/** Where the record of an entry ends and the key begins. */
function recordEnd(entry: Uint8Array, length: number): number {
  const keyLength = entry[length - KEY_LENGTH]! * 0x100 + entry[length - 1]!;
  return length - KEY_LENGTH - keyLength;
}
