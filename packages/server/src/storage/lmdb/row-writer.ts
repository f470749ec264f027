/**
 * Writes the packed rows of a batch within a transaction, as bytes. It does what `updateProfile`
 * does, but for the common cases without an object per row.
 *
 *   no profile with the id                  v1: not found; v2: the packed attributes get a head and
 *                                           are appended
 *   a living profile, direct or by pointer  its attributes are overlaid, its times set
 *   expired, large, an earlier expiry, a    left to `updateProfile`
 *   clock that went back
 */

import { MAX_ATTRIBUTES_SIZE, overlayAttributes } from '../../domain/attributes.ts';
import { copyBytes } from '../../domain/copy-bytes.ts';
import { expiryOf, type WriteMoment } from '../../domain/lifetime.ts';
import { TIME_BYTES } from '../../domain/time-bytes.ts';
import type { UpdateOutcome } from '../profile-store.ts';
import type { EntryLog } from './entry-log.ts';
import { ReusedKey } from './lmdb-keys.ts';
import { ATTRIBUTES_END, ATTRIBUTES_START, ID_END, ID_START, type PackedRows, SPAN } from './packed-rows.ts';
import {
  attributesStartOf,
  PROFILE_HEAD,
  readExpiresAt,
  readModifiedAt,
  readSweepAt,
  writeChangeTimes,
  writeProfileHead,
} from './profile-record.ts';
import type { ProfileTables } from './profile-tables.ts';
import { CHANGED, CHANNEL, KEY_AT, keyLengthOf, POINTER, PROFILE, writeEntryHead } from './record-entry.ts';
import { updateProfile } from './update-profile.ts';

/** Profiles with more bytes of attributes are left to the code that writes deltas. */
const SMALL = 2048;
/** The clock is read after so much work. One unit is about a microsecond, or a few. */
const WORK_PER_LOOK = 512;
/** The cost of a row in units: a common case, any other case, and each byte of its attributes. */
const WORK_OF_ROW = 1;
const WORK_OF_UNUSUAL_ROW = 64;
const WORK_PER_BYTE = 1 / 128;

/** A row that was not applied. */
export interface UnappliedRow {
  /** Its index among the rows. */
  readonly index: number;
  readonly outcome: 'not-found' | 'too-large';
}

/** The result of one transaction. */
export interface AppliedRows {
  readonly unapplied: readonly UnappliedRow[];
  /** The index of the first row that is left for the next transaction. */
  readonly next: number;
}

export class RowWriter {
  readonly #tables: ProfileTables;
  readonly #log: EntryLog;
  readonly #key = new ReusedKey();
  readonly #homeKey = new ReusedKey();
  /** Work done since the clock was last read. */
  #work = 0;

  constructor(tables: ProfileTables) {
    this.#tables = tables;
    this.#log = tables.records.log;
  }

  /**
   * Applies rows in order.
   *
   * @param from the index of the first row to apply
   * @param create whether to create profiles that do not exist
   * @param mayGoOn called now and then after a row was applied; when it returns false, the rest is
   *   left
   */
  apply(
    client: string,
    rows: PackedRows,
    from: number,
    moment: WriteMoment,
    create: boolean,
    mayGoOn: () => boolean,
  ): AppliedRows {
    this.#tables.records.channel = CHANNEL.batch;
    const { groups } = this.#tables;
    groups.begin(expiryOf(moment));
    const unapplied: UnappliedRow[] = [];
    let index = from;
    this.#work = 0;
    for (; index < rows.length; index += 1) {
      if (this.#work >= WORK_PER_LOOK) {
        if (!mayGoOn()) break;
        this.#work = 0;
      }
      const outcome = this.#applyRow(client, rows, index, moment, create);
      if (outcome === 'not-found' || outcome === 'too-large') unapplied.push({ index, outcome });
    }
    groups.end();
    return { unapplied, next: index };
  }

  #applyRow(
    client: string,
    rows: PackedRows,
    index: number,
    moment: WriteMoment,
    create: boolean,
  ): UpdateOutcome {
    const { spans } = rows;
    const span = index * SPAN;
    const key = this.#key;
    const bytes = spans[span + ATTRIBUTES_END]! - spans[span + ATTRIBUTES_START]!;
    this.#work += WORK_OF_ROW + bytes * WORK_PER_BYTE;
    key.setIdBytes(client, rows.kind, rows.bytes, spans[span + ID_START]!, spans[span + ID_END]!);
    const outcome = rows.hasState ? 'unusual' : this.#applyFast(key, rows, span, moment, create);
    if (outcome !== 'unusual') {
      if (outcome === 'created' || outcome === 'updated') this.#record(outcome, rows, span, moment.now);
      return outcome;
    }
    this.#work += WORK_OF_UNUSUAL_ROW;
    const { id, settings, state } = rows.row(index);
    return updateProfile(this.#tables, client, id, settings, moment, create, 'batch', state);
  }

  /** Records the change that a row of a common case has made. */
  #record(type: 'created' | 'updated', { bytes, spans }: PackedRows, span: number, at: number): void {
    const { changes } = this.#tables;
    if (!changes.isOn) return;
    const [start, end] = [spans[span + ATTRIBUTES_START]!, spans[span + ATTRIBUTES_END]!];
    changes.addRow({ type, channel: 'batch', at }, this.#key, bytes, start, end);
  }

  #applyFast(
    asked: ReusedKey,
    rows: PackedRows,
    span: number,
    moment: WriteMoment,
    create: boolean,
  ): UpdateOutcome | 'unusual' {
    let key = asked;
    let found = this.#log.newest(key);
    if (found !== undefined && found[0] === POINTER) {
      this.#homeKey.set(found, KEY_AT + keyLengthOf(found) + TIME_BYTES, this.#log.length);
      key = this.#homeKey;
      found = this.#log.newest(key);
      // Ids of the removed profile may still exist; the general code handles that.
      if (found === undefined) return 'unusual';
    }
    if (found === undefined) return create ? this.#make(rows, span, moment) : 'not-found';
    return found[0] === PROFILE ? this.#change(key, found, rows, span, moment) : 'unusual';
  }

  #make(rows: PackedRows, span: number, moment: WriteMoment): UpdateOutcome | 'unusual' {
    const { bytes, spans } = rows;
    const start = spans[span + ATTRIBUTES_START]!;
    const end = spans[span + ATTRIBUTES_END]!;
    if (end - start > MAX_ATTRIBUTES_SIZE || rows.at !== moment.now) return 'unusual';
    const key = this.#key;
    const idStart = spans[span + ID_START]!;
    const idLength = rows.kind === 'thirdPartyId' ? spans[span + ID_END]! - idStart : undefined;
    const entry = this.#log.room(KEY_AT + key.length + PROFILE_HEAD + (idLength ?? 0) + end - start);
    const changes = CHANGED.created | CHANGED.attributes | CHANGED.lifetime;
    const at = writeEntryHead(entry, PROFILE, CHANNEL.batch, changes, key.bytes, key.length);
    const expiresAt = expiryOf(moment);
    const kept = { createdAt: moment.now, sweepAt: expiresAt, linkGroup: 0, idCount: 1 };
    writeProfileHead(entry, at, kept, { modifiedAt: moment.now, expiresAt }, idLength);
    let to = at + PROFILE_HEAD;
    if (idLength !== undefined) to = copyBytes(entry, to, bytes, idStart, idStart + idLength);
    this.#log.append(entry, copyBytes(entry, to, bytes, start, end), key, 0, true);
    this.#tables.groups.add(key.bytes, key.length);
    return 'created';
  }

  #change(
    key: ReusedKey,
    found: Buffer,
    rows: PackedRows,
    span: number,
    moment: WriteMoment,
  ): UpdateOutcome | 'unusual' {
    const { length } = this.#log;
    const record = KEY_AT + keyLengthOf(found);
    const start = attributesStartOf(found, record);
    const addedStart = rows.spans[span + ATTRIBUTES_START]!;
    const added = rows.spans[span + ATTRIBUTES_END]!;
    const modifiedAt = Math.max(moment.now, readModifiedAt(found, record));
    const expiresAt = expiryOf(moment);
    const sweepAt = readSweepAt(found, record);
    const most = length - start + added - addedStart;
    if (
      most > SMALL ||
      rows.at !== modifiedAt ||
      readExpiresAt(found, record) <= moment.now ||
      sweepAt === 0 ||
      sweepAt > expiresAt
    ) {
      return 'unusual';
    }
    const entry = this.#log.room(start + most);
    const changes = CHANGED.attributes | CHANGED.lifetime;
    writeEntryHead(entry, PROFILE, CHANNEL.batch, changes, key.bytes, key.length);
    copyBytes(entry, record, found, record, start);
    const end = overlayAttributes(
      entry,
      start,
      { bytes: found, start, end: length },
      { bytes: rows.bytes, start: addedStart, end: added },
    );
    writeChangeTimes(entry, record, modifiedAt, expiresAt);
    this.#log.append(entry, end, key, 0, true);
    return 'updated';
  }
}
