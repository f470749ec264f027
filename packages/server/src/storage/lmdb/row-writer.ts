/**
 * Writes the packed rows of a batch's step within its transaction, in bytes: what `updateProfile` does, for the common cases without an
 * object a row.
 *
 *   nothing under the id                     v1: not found; v2: the packed record gets its head and is written as it lies
 *   a living profile there or behind it      its attributes are overlaid, its times set
 *   expired, nearly 64 KB or over it, an     left to `updateProfile`
 *   earlier expiry, a clock that stepped
 *   back, a record that is in the journal
 */

import type { PutOptions } from 'lmdb';
import { MAX_ATTRIBUTES_SIZE } from '../../domain/attributes.ts';
import { expiryOf, type WriteMoment } from '../../domain/lifetime.ts';
import { overlayAttributes } from '../../domain/overlay-attributes.ts';
import { type BatchRows, ID_END, ID_START, RECORD_END, RECORD_START, SPAN } from '../batch-rows.ts';
import { KIND_NUMBER } from '../kind-number.ts';
import {
  attributesStartOf,
  isPointer,
  POINTER_HOME,
  PROFILE_HEAD,
  readExpiresAt,
  readModifiedAt,
  readSweepAt,
  writeChangeTimes,
  writeProfileHead,
} from '../profile-record.ts';
import type { UpdateOutcome } from '../profile-store.ts';
import { lengthOfLast, type Table } from './lmdb-environment.ts';
import { parseProfileKey, ReusedKey } from './lmdb-keys.ts';
import type { ProfileJournal } from './profile-journal.ts';
import type { ProfileTables } from './profile-tables.ts';
import { updateProfile } from './update-profile.ts';

/** Room for the record of a profile that is about to be too large; anything larger goes the slow way. */
const MAX_RECORD = 2 * MAX_ATTRIBUTES_SIZE;

const ONLY_NEW = { noOverwrite: true };
/** Only behind the last key of all; cheaper, and it fills the pages. */
const ONLY_LAST = { append: true };

/** A row that was not applied. */
export interface UnappliedRow {
  /** Its place among the rows. */
  readonly index: number;
  readonly outcome: 'not-found' | 'too-large';
}

export class RowWriter {
  readonly #tables: ProfileTables;
  readonly #profiles: Table;
  readonly #journal: ProfileJournal;
  readonly #key = new ReusedKey();
  readonly #homeKey = new ReusedKey();
  readonly #record: Buffer = Buffer.allocUnsafe(MAX_RECORD);
  #lastWasMade = false;
  /** Whether every row of this step was new and behind all there were, as in the first load of an empty store. */
  #appends = false;

  constructor(tables: ProfileTables) {
    this.#tables = tables;
    this.#profiles = tables.records.tree;
    this.#journal = tables.records.journal;
  }

  /** Applies rows in order. @param create whether to make the profiles that are not there @returns the rows that were not applied */
  apply(client: string, rows: BatchRows, moment: WriteMoment, create: boolean): UnappliedRow[] {
    const prefix = this.#begin(client, rows);
    const groups = this.#tables.groups;
    const expiresAt = expiryOf(moment);
    groups.begin(expiresAt);
    const unapplied: UnappliedRow[] = [];
    this.#lastWasMade = this.#lastWasMade && create;
    this.#appends = true;
    const { spans } = rows;
    for (let index = 0; index < rows.length; index += 1) {
      const span = index * SPAN;
      this.#key.set(prefix + 1, rows.bytes, spans[span + ID_START]!, spans[span + ID_END]!);
      let outcome = this.#applyRow(prefix, rows, index, moment, create);
      if (outcome === 'made') {
        groups.add(this.#key.bytes, this.#key.length);
        continue;
      }
      if (outcome === 'unusual' || outcome === 'exists') {
        const { id, settings } = rows.row(index);
        outcome = updateProfile(this.#tables, client, id, settings, moment, create);
      }
      if (outcome === 'not-found' || outcome === 'too-large') unapplied.push({ index, outcome });
    }
    groups.end();
    return unapplied;
  }

  /** Writes what all keys begin with; how long that is, without the kind. */
  #begin(client: string, { kind }: BatchRows): number {
    const prefix = 1 + client.length;
    for (const { bytes } of [this.#key, this.#homeKey]) {
      bytes[0] = client.length;
      bytes.write(client, 1, 'latin1');
    }
    this.#key.bytes[prefix] = KIND_NUMBER[kind];
    return prefix;
  }

  #applyRow(
    prefix: number,
    rows: BatchRows,
    index: number,
    moment: WriteMoment,
    create: boolean,
  ): UpdateOutcome | 'made' | 'exists' | 'unusual' {
    let key = this.#key;
    if (this.#isInJournal(key)) return 'unusual';
    // Where one profile was new the next is likely to be, and to put it need not look for it first.
    if (this.#lastWasMade) {
      const made = this.#make(rows, index, moment);
      if (made !== 'exists') return made;
      this.#lastWasMade = false;
    }
    let found = this.#profiles.getBinaryFast(key.view);
    if (found === undefined) return create ? this.#make(rows, index, moment) : 'not-found';
    if (isPointer(found)) {
      this.#homeKey.set(prefix, found, POINTER_HOME, lengthOfLast(this.#profiles));
      key = this.#homeKey;
      if (this.#isInJournal(key)) return 'unusual';
      found = this.#profiles.getBinaryFast(key.view);
      if (found === undefined) throw new RangeError('a pointer leads to no profile');
    }
    const change = this.#change(found, lengthOfLast(this.#profiles), rows, index, moment);
    if (change === undefined) return 'unusual';
    this.#profiles.putSync(key.view, change);
    return 'updated';
  }

  /** Whether the tree does not say what lies under a key. */
  #isInJournal(key: ReusedKey): boolean {
    if (this.#journal.isEmpty) return false;
    const { client, id } = parseProfileKey(key.view);
    return this.#journal.find(client, id) !== undefined;
  }

  #make(rows: BatchRows, index: number, moment: WriteMoment): 'made' | 'exists' | 'unusual' {
    const { bytes, spans } = rows;
    const span = index * SPAN;
    const start = spans[span + RECORD_START]!;
    const end = spans[span + RECORD_END]!;
    const isPerson = rows.kind === 'thirdPartyId';
    const idLength = isPerson ? spans[span + ID_END]! - spans[span + ID_START]! : undefined;
    const size = end - start - PROFILE_HEAD - (idLength ?? 0);
    if (size > MAX_ATTRIBUTES_SIZE || rows.at !== moment.now) return 'unusual';
    const expiresAt = expiryOf(moment);
    const kept = { createdAt: moment.now, sweepAt: expiresAt, linkGroup: 0 };
    writeProfileHead(bytes, start, kept, { modifiedAt: moment.now, expiresAt }, idLength);
    const record = bytes.subarray(start, end);
    if (this.#appends) this.#appends = this.#putIf(ONLY_LAST, record);
    this.#lastWasMade = this.#appends || this.#putIf(ONLY_NEW, record);
    return this.#lastWasMade ? 'made' : 'exists';
  }

  /** Puts a record under the key of the row if the condition holds; whether it did. */
  #putIf(condition: PutOptions, record: Buffer): boolean {
    // The library's types leave out what it returns.
    const done: unknown = this.#profiles.putSync(this.#key.view, record, condition);
    return done === true;
  }

  /** The record as the row leaves it, in memory that the next row takes; undefined when the case is not a common one. */
  #change(
    found: Uint8Array,
    length: number,
    rows: BatchRows,
    index: number,
    moment: WriteMoment,
  ): Buffer | undefined {
    const modifiedAt = Math.max(moment.now, readModifiedAt(found));
    const expiresAt = expiryOf(moment);
    const sweepAt = readSweepAt(found);
    if (
      rows.at !== modifiedAt ||
      readExpiresAt(found) <= moment.now ||
      sweepAt === 0 ||
      sweepAt > expiresAt
    ) {
      return undefined;
    }
    const span = index * SPAN;
    const added = rows.spans[span + RECORD_END]!;
    const addedStart = rows.attributesStart(index);
    if (length + added - addedStart > MAX_RECORD) return undefined;
    const record = this.#record;
    const start = attributesStartOf(found);
    for (let at = 0; at < start; at += 1) record[at] = found[at]!;
    const end = overlayAttributes(record, start, found, start, length, rows.bytes, addedStart, added);
    if (end - start > MAX_ATTRIBUTES_SIZE) return undefined;
    writeChangeTimes(record, modifiedAt, expiresAt);
    return record.subarray(0, end);
  }
}
