/**
 * What each key names: a profile itself, or a pointer from one of several ids to its profile. The
 * entries are in the log (`entry-log.ts`); this file assembles a profile from its one or two
 * entries, and writes the next entry.
 */

import {
  attributesJson,
  NO_ATTRIBUTES,
  overlayAttributes,
  type PackedAttributes,
} from '../../domain/attributes.ts';
import { copyOf } from '../../domain/copy-bytes.ts';
import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import type { FoundProfile } from '../profile-store.ts';
import { EntryLog, type EntryLogOptions } from './entry-log.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { ReusedKey } from './lmdb-keys.ts';
import {
  type Base,
  baseOf,
  DELTA_HEAD,
  isLarge,
  isWorthDelta,
  withChange,
  writeBase,
} from './profile-delta.ts';
import {
  attributesStartOf,
  decodeFound,
  decodeProfile,
  readExpiresAt,
  readModifiedAt,
  recordLength,
  type StoredProfile,
  writeProfile,
} from './profile-record.ts';
import {
  CHANNEL,
  type Channel,
  COPY,
  DELTA,
  damaged,
  KEY_AT,
  keyLengthOf,
  POINTER,
  PROFILE,
  REMOVAL,
  writeEntryHead,
} from './record-entry.ts';
import { weightOf } from './segments.ts';

/** Where a profile was read from, so that the next write can be based on it. */
export interface Origin extends Base {
  /** All attributes as they were read. */
  readonly attributes: PackedAttributes;
  /** The ones that are in the delta. */
  readonly delta: PackedAttributes;
}

/** A profile with the key under which it is stored. */
export interface KeptProfile extends StoredProfile {
  readonly homeKey: Buffer;
  /** Undefined for a profile that must be written completely. */
  readonly origin: Origin | undefined;
}

/** The entry of one id of a profile with several ids. */
export interface Pointer {
  /** Epoch milliseconds. */
  readonly since: number;
  readonly homeKey: Buffer;
}

export class ProfileRecords {
  readonly log: EntryLog;
  /**
   * Whether a key may lead nowhere because its profile was removed and its ids are still being
   * cleared.
   */
  readonly isOrphaned: (homeKey: Buffer) => boolean;
  readonly #asked = new ReusedKey();
  readonly #home = new ReusedKey();
  readonly #written = new ReusedKey();
  #scratch: Buffer = Buffer.allocUnsafe(64 * 1024);
  #delta: Buffer = Buffer.allocUnsafe(16 * 1024);
  /** The channel of the writes in the current work of a transaction. */
  channel: Channel = CHANNEL.upkeep;

  constructor(
    environment: LmdbEnvironment,
    options: EntryLogOptions | undefined,
    isOrphaned: (homeKey: Buffer) => boolean,
  ) {
    this.log = new EntryLog(environment, options);
    this.isOrphaned = isOrphaned;
  }

  /**
   * Finds what a fetch returns for the profile that an id names. The hot path, so it creates as few
   * objects as possible.
   */
  find(client: string, id: VisitorId): FoundProfile | undefined {
    const asked = this.#asked;
    if (!asked.setId(client, id)) return undefined;
    const entry = this.#profileEntry(asked);
    if (entry === undefined) return undefined;
    const start = KEY_AT + keyLengthOf(entry);
    const { length } = this.log;
    if (entry[0] === PROFILE) return decodeFound(entry, start, length);
    const { baseBytes } = baseOf(entry, start);
    const at = start + DELTA_HEAD;
    const modifiedAt = readModifiedAt(entry, at);
    const expiresAt = readExpiresAt(entry, at);
    const deltaStart = attributesStartOf(entry, at);
    if (deltaStart === length) {
      const base = this.#baseEntry(entry, start);
      const baseStart = attributesStartOf(base, KEY_AT + keyLengthOf(base));
      return { modifiedAt, expiresAt, attributes: attributesJson(base, baseStart, baseStart + baseBytes) };
    }
    const end = this.#together(entry, start, deltaStart, length);
    return { modifiedAt, expiresAt, attributes: attributesJson(this.#scratch, 0, end) };
  }

  /** Finds the profile that an id names. */
  locate(client: string, id: VisitorId): KeptProfile | undefined {
    const asked = this.#asked;
    if (!asked.setId(client, id)) return undefined;
    return this.#kept(this.#profileEntry(asked));
  }

  /** Finds the profile that is stored under this key. */
  locateKey(homeKey: Buffer): KeptProfile | undefined {
    this.#asked.set(homeKey, 0, homeKey.length);
    const entry = this.log.newest(this.#asked);
    if (entry === undefined || (entry[0] !== PROFILE && entry[0] !== DELTA)) return undefined;
    return this.#kept(entry);
  }

  /**
   * The profile in the entry with a number, if that entry is the newest of its key; otherwise
   * undefined.
   *
   * @param isWanted examines the entry as the library lends it, before anything else is read
   */
  keptAt(number: number, isWanted: (entry: Buffer) => boolean): KeptProfile | undefined {
    const { log } = this;
    const entry = log.read(number);
    if ((entry[0] !== PROFILE && entry[0] !== DELTA) || !isWanted(entry)) return undefined;
    // Finding the current number reads the store, which ends the loan of the previous entry.
    return log.currentOf(entry) === number ? this.#kept(log.read(number)) : undefined;
  }

  /** The pointer stored under a key, if it is a pointer. */
  pointer(key: Buffer): Pointer | undefined {
    this.#asked.set(key, 0, key.length);
    const entry = this.log.newest(this.#asked);
    if (entry === undefined || entry[0] !== POINTER) return undefined;
    const start = KEY_AT + keyLengthOf(entry);
    return { since: readTime(entry, start), homeKey: copyOf(entry, start + TIME_BYTES, this.log.length) };
  }

  /**
   * Writes a profile, within a write transaction: a delta where that is worth it, otherwise the
   * complete profile.
   *
   * @param changes bits of `CHANGED`
   * @param change the attributes set since it was located; undefined when they were changed in
   *   another way
   */
  save(kept: KeptProfile, changes: number, change: PackedAttributes | undefined): void {
    const { origin, profile, homeKey } = kept;
    const key = this.#written;
    key.set(homeKey, 0, homeKey.length);
    if (origin !== undefined && change !== undefined && isLarge(profile.attributes)) {
      const delta = change.length === 0 ? origin.delta : withChange(origin.delta, change);
      if (isWorthDelta(delta.length, change.length, origin.baseBytes)) {
        const room = KEY_AT + key.length + DELTA_HEAD + recordLength({ ...profile, attributes: delta });
        const entry = this.log.room(room);
        const at = writeBase(entry, this.#head(entry, DELTA, changes, key), origin);
        this.log.append(entry, writeProfile(entry, at, kept, delta), key);
        return;
      }
    }
    this.#writeWhole(kept, changes, key, 0);
  }

  /**
   * Writes the complete profile of a key again, because its entry will be removed; nothing changes.
   */
  copyWhole(kept: KeptProfile): void {
    this.#written.set(kept.homeKey, 0, kept.homeKey.length);
    this.#writeWhole(kept, 0, this.#written, COPY);
  }

  #writeWhole(kept: KeptProfile, changes: number, key: ReusedKey, flags: number): void {
    const entry = this.log.room(KEY_AT + key.length + recordLength(kept.profile));
    const end = writeProfile(entry, this.#head(entry, PROFILE, changes, key), kept);
    this.log.append(entry, end, key, flags);
  }

  /** Lets an id's key point to a profile, within a write transaction. */
  point(key: Buffer, since: number, homeKey: Buffer, changes: number, flags = 0): void {
    const written = this.#written;
    written.set(key, 0, key.length);
    const entry = this.log.room(KEY_AT + key.length + TIME_BYTES + homeKey.length);
    const at = this.#head(entry, POINTER, changes, written);
    writeTime(entry, since, at);
    entry.set(homeKey, at + TIME_BYTES);
    this.log.append(entry, at + TIME_BYTES + homeKey.length, written, flags);
  }

  /** Removes what a key leads to, within a write transaction. */
  remove(key: Buffer, changes: number): void {
    const written = this.#written;
    written.set(key, 0, key.length);
    const entry = this.log.room(KEY_AT + key.length);
    this.log.append(entry, this.#head(entry, REMOVAL, changes, written), written);
  }

  #head(entry: Buffer, kind: 1 | 2 | 3 | 4, changes: number, key: ReusedKey): number {
    return writeEntryHead(entry, kind, this.channel, changes, key.bytes, key.length);
  }

  /**
   * The entry of the profile that a key leads to, directly or through a pointer, as the library
   * lends it.
   */
  #profileEntry(key: ReusedKey): Buffer | undefined {
    const entry = this.log.newest(key);
    if (entry === undefined || entry[0] !== POINTER) return entry;
    const home = this.#home;
    home.set(entry, KEY_AT + keyLengthOf(entry) + TIME_BYTES, this.log.length);
    const found = this.log.newest(home);
    if (found === undefined) {
      if (this.isOrphaned(home.view)) return undefined;
      throw damaged('an id leads to a profile that is not there');
    }
    if (found[0] === POINTER) throw damaged('an id leads to another id');
    return found;
  }

  /**
   * The complete record that a delta is based on, whose payload starts at `start`. Ends the loan of
   * the previous entry.
   */
  #baseEntry(entry: Buffer, start: number): Buffer {
    const { base, baseBytes } = baseOf(entry, start);
    const whole = this.log.read(base);
    const record = KEY_AT + keyLengthOf(whole);
    if (whole[0] !== PROFILE || this.log.length - attributesStartOf(whole, record) !== baseBytes) {
      throw damaged(`entry ${base} is not what a delta is based on`);
    }
    return whole;
  }

  /**
   * Combines base and delta at the start of the scratch memory.
   * @returns where the attributes end
   */
  #together(entry: Buffer, start: number, deltaStart: number, length: number): number {
    const deltaLength = length - deltaStart;
    if (deltaLength > this.#delta.length) this.#delta = Buffer.allocUnsafe(2 * deltaLength);
    const delta = this.#delta;
    delta.set(entry.subarray(deltaStart, length));
    const base = this.#baseEntry(entry, start);
    const baseStart = attributesStartOf(base, KEY_AT + keyLengthOf(base));
    const baseEnd = this.log.length;
    const most = deltaLength + baseEnd - baseStart;
    if (most > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(2 * most);
    return overlayAttributes(
      this.#scratch,
      0,
      { bytes: base, start: baseStart, end: baseEnd },
      { bytes: delta, start: 0, end: deltaLength },
    );
  }

  #kept(entry: Buffer | undefined): KeptProfile | undefined {
    if (entry === undefined) return undefined;
    const { length } = this.log;
    const start = KEY_AT + keyLengthOf(entry);
    const homeKey = copyOf(entry, KEY_AT, start);
    if (entry[0] === PROFILE) {
      const number = this.log.lastRead;
      const stored = decodeProfile(entry, start, length);
      const { attributes } = stored.profile;
      const origin: Origin | undefined = isLarge(attributes)
        ? {
            base: number,
            baseWeight: weightOf(length),
            baseBytes: attributes.length,
            attributes,
            delta: NO_ATTRIBUTES,
          }
        : undefined;
      return { ...stored, homeKey, origin };
    }
    const base = baseOf(entry, start);
    const at = start + DELTA_HEAD;
    const deltaStart = attributesStartOf(entry, at);
    const delta = copyOf(entry, deltaStart, length);
    const head = copyOf(entry, at, deltaStart);
    const attributes = this.#attributesOf(entry, start, deltaStart, length);
    const stored = decodeProfile(head, 0, head.length, attributes);
    return { ...stored, homeKey, origin: { ...base, attributes, delta } };
  }

  #attributesOf(entry: Buffer, start: number, deltaStart: number, length: number): PackedAttributes {
    if (deltaStart < length) {
      const end = this.#together(entry, start, deltaStart, length);
      return copyOf(this.#scratch, 0, end);
    }
    const base = this.#baseEntry(entry, start);
    return copyOf(base, attributesStartOf(base, KEY_AT + keyLengthOf(base)), this.log.length);
  }
}
