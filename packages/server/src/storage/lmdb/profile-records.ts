/** The record of each id, wherever it lies: in the journal as long as that has it, else in the tree of all profiles. */

import type { VisitorId } from '../../domain/visitor-id.ts';
import { type LmdbEnvironment, lengthOfLast, type Table } from './lmdb-environment.ts';
import { profileKey, ReusedKey } from './lmdb-keys.ts';
import { ProfileJournal } from './profile-journal.ts';

/** How far {@link ProfileRecords.settle} has come with the entries that there were when it began. */
interface Settling {
  /** Newest entries in the order in which they lie in the tree. */
  readonly entries: readonly { readonly client: string; readonly id: VisitorId; readonly number: number }[];
  /** The last entry that there was. */
  readonly to: number;
  /** The place of the next one to be brought in. */
  next: number;
}

/** Fewer entries are settled only when no more come: the more there are, the more of them share a page of the tree. */
const ENOUGH_TO_SETTLE = 128 * 1024;
/** Entries removed in one write: each costs a fraction of what it costs to bring one in. */
const CLEARED_AT_ONCE = 4000;

export class ProfileRecords {
  /** For whoever writes records that are not in the journal. */
  readonly tree: Table;
  readonly journal: ProfileJournal;
  readonly #environment: LmdbEnvironment;
  readonly #key = new ReusedKey();
  #length = 0;
  #settling: Settling | undefined;
  #lastLook = 0;

  /** @param journalEntries how many entries the journal may have before records are written to the tree at once */
  constructor(environment: LmdbEnvironment, journalEntries?: number) {
    this.#environment = environment;
    this.tree = environment.table('profiles');
    this.journal = new ProfileJournal(environment, journalEntries);
  }

  /** Finds the record of an id, as the library lends it: whoever keeps something of it copies that. {@link length} says how long it is. */
  get(client: string, id: VisitorId): Buffer | undefined {
    if (!this.journal.isEmpty) {
      const number = this.journal.find(client, id);
      if (number !== undefined) {
        const record = this.journal.read(number);
        this.#length = this.journal.length;
        return record;
      }
    }
    const record = this.tree.getBinaryFast(this.#key.ofProfile(client, id));
    this.#length = lengthOfLast(this.tree);
    return record;
  }

  /** How long the record is that {@link get} has just lent. */
  get length(): number {
    return this.#length;
  }

  /** Writes the record of an id, within a write transaction. */
  put(client: string, id: VisitorId, record: Buffer, key: Buffer = profileKey(client, id)): void {
    if (this.journal.isFull && this.journal.find(client, id) === undefined) this.tree.putSync(key, record);
    else this.journal.append(client, id, key, record);
  }

  /** Removes the record of an id, within a write transaction. */
  remove(client: string, id: VisitorId): void {
    const key = profileKey(client, id);
    if (this.journal.find(client, id) === undefined) this.tree.removeSync(key);
    else this.journal.append(client, id, key);
  }

  /**
   * Brings records from the journal into the tree, in one small step; for one process at a time, though more do no harm.
   *
   * It begins with all entries that there are, in the order of the tree, so that each page is written once. An id that has got a later entry meanwhile
   * is left to the next time. When all are in, their entries are removed. Should the process die, the next one begins anew: to bring a record in twice is
   * to bring it in once.
   *
   * @param limit the most records in this step
   * @returns whether there is more to do at once
   */
  async settle(limit: number): Promise<boolean> {
    this.#settling ??= this.#environment.read(() => this.#beginSettling());
    const settling = this.#settling;
    if (settling === undefined) return false;
    const { entries, to } = settling;
    const end = Math.min(settling.next + limit, entries.length);
    if (settling.next < end) {
      await this.#environment.write(() => {
        for (let at = settling.next; at < end; at += 1) this.#bringIn(entries[at]!);
      });
      settling.next = end;
      return true;
    }
    if (await this.#environment.write(() => this.journal.clear(to, CLEARED_AT_ONCE))) return true;
    this.#settling = undefined;
    return false;
  }

  #beginSettling(): Settling | undefined {
    const { newest, count, to } = this.journal.snapshot();
    const isQuiet = to === this.#lastLook;
    this.#lastLook = to;
    if (count === 0 || (count < ENOUGH_TO_SETTLE && !isQuiet)) return undefined;
    const entries = Array.from(newest, (entry) => ({
      ...entry,
      key: profileKey(entry.client, entry.id).toString('latin1'),
    }));
    entries.sort((one, other) => (one.key < other.key ? -1 : 1));
    return { entries, to, next: 0 };
  }

  #bringIn({ client, id, number }: Settling['entries'][number]): void {
    if (this.journal.find(client, id) !== number) return;
    const key = profileKey(client, id);
    const record = this.journal.read(number);
    if (record === undefined) this.tree.removeSync(key);
    else this.tree.putSync(key, record.subarray(0, this.journal.length));
  }
}
