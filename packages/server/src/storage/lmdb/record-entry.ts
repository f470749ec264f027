/**
 * The byte format of entries in the table `records`. An entry is never changed; a later entry of
 * the same key replaces it.
 *
 * 0      u8   type: a profile, a delta, a pointer, a removal
 * 1      u8   flags: whether it was indexed in the same commit; whether it only copies an older one
 * 2      u8   the channel through which the change came
 * 3      u8   what changed
 * 4      u32  CRC-32 of the rest, seeded with the bytes before it and the number of the entry
 * 8      u16  length of the key
 * 10     …    the key (`lmdb-keys.ts`)
 * …      …    depending on the type
 *             profile   its record, `profile-record.ts`
 *             delta     a change of a large profile, `profile-delta.ts`
 *             pointer   since when, then the key of the profile
 *             removal   nothing
 *
 * Numbers increase in the order of the changes, so the entries without copies are a history of
 * changes. The checksum and the key reveal an entry that is damaged, belongs to another key, or is
 * stored under another number.
 */

import { crc32 } from 'node:zlib';
import { QuiverError } from '../../errors.ts';

export const PROFILE = 1;
export const DELTA = 2;
export const POINTER = 3;
export const REMOVAL = 4;
export type EntryKind = typeof PROFILE | typeof DELTA | typeof POINTER | typeof REMOVAL;

/** The index has included the entry since its own commit, so no process needs to remember it. */
export const INDEXED = 1;
/** A copy made by cleaning; nothing has changed. */
export const COPY = 2;

/** How a change came. The numbers are stored. */
export const CHANNEL = {
  update: 1,
  visit: 2,
  batch: 3,
  removal: 4,
  adoption: 5,
  expiry: 6,
  upkeep: 7,
} as const;
export type Channel = (typeof CHANNEL)[keyof typeof CHANNEL];

/** What has changed, one bit each. The bits are stored. */
export const CHANGED = { attributes: 1, ids: 2, lifetime: 4, created: 8, removed: 16 } as const;

const FLAGS_AT = 1;
const CHANNEL_AT = 2;
const CHANGES_AT = 3;
const CHECKSUM_AT = 4;
const CHECKED_FROM = 8;
const KEY_LENGTH_AT = 8;
/** Where the key of an entry starts. */
export const KEY_AT = 10;

/** The error for a reader or writer when the stored data is not what was written. */
export function damaged(what: string): QuiverError {
  return new QuiverError('unavailable', 'What is stored there is damaged', { cause: new RangeError(what) });
}

/**
 * Writes everything before the payload, except the checksum.
 * @returns where the payload starts
 */
export function writeEntryHead(
  entry: Uint8Array,
  kind: EntryKind,
  channel: Channel,
  changes: number,
  key: Uint8Array,
  keyLength: number,
): number {
  entry[0] = kind;
  entry[FLAGS_AT] = 0;
  entry[CHANNEL_AT] = channel;
  entry[CHANGES_AT] = changes;
  entry[KEY_LENGTH_AT] = keyLength >>> 8;
  entry[KEY_LENGTH_AT + 1] = keyLength;
  for (let at = 0; at < keyLength; at += 1) entry[KEY_AT + at] = key[at]!;
  return KEY_AT + keyLength;
}

/** Whether an entry needs no other one, and its key is to lead to it. */
export function isPlain(entry: Uint8Array): boolean {
  return entry[0] === PROFILE || entry[0] === POINTER;
}

export function setFlags(entry: Uint8Array, flags: number): void {
  entry[FLAGS_AT] = flags;
}

export function flagsOf(entry: Uint8Array): number {
  return entry[FLAGS_AT]!;
}

export function channelOf(entry: Uint8Array): number {
  return entry[CHANNEL_AT]!;
}

export function changesOf(entry: Uint8Array): number {
  return entry[CHANGES_AT]!;
}

export function keyLengthOf(entry: Uint8Array): number {
  return entry[KEY_LENGTH_AT]! * 0x100 + entry[KEY_LENGTH_AT + 1]!;
}

/** The key of an entry as a string of one character per byte. */
export function keyTextOf(entry: Buffer): string {
  return entry.toString('latin1', KEY_AT, KEY_AT + keyLengthOf(entry));
}

/** Writes the checksum, after everything else is written. */
export function seal(entry: Buffer, length: number, number: number): void {
  const sum = checksumOf(entry, length, number);
  entry[CHECKSUM_AT] = sum >>> 24;
  entry[CHECKSUM_AT + 1] = sum >>> 16;
  entry[CHECKSUM_AT + 2] = sum >>> 8;
  entry[CHECKSUM_AT + 3] = sum;
}

/** Whether an entry is intact and stored under its own number. */
export function isSound(entry: Buffer, length: number, number: number): boolean {
  if (length < KEY_AT || KEY_AT + keyLengthOf(entry) > length) return false;
  const kept =
    ((entry[CHECKSUM_AT]! << 24) |
      (entry[CHECKSUM_AT + 1]! << 16) |
      (entry[CHECKSUM_AT + 2]! << 8) |
      entry[CHECKSUM_AT + 3]!) >>>
    0;
  return kept === checksumOf(entry, length, number);
}

function checksumOf(entry: Buffer, length: number, number: number): number {
  const head = (entry[0]! << 24) | (entry[1]! << 16) | (entry[2]! << 8) | entry[3]!;
  const seed = (head ^ (number % 0x1_0000_0000) ^ Math.floor(number / 0x1_0000_0000)) >>> 0;
  return crc32(checkedPart(entry, length), seed);
}

/**
 * The checked parts of reusable buffers, by length; creating one costs more than the checksum of a
 * small entry.
 */
const keptParts = new WeakMap<Buffer, (Buffer | undefined)[]>();
const LONGEST_KEPT_PART = 4096;

function checkedPart(entry: Buffer, length: number): Buffer {
  if (length > LONGEST_KEPT_PART) return entry.subarray(CHECKED_FROM, length);
  let parts = keptParts.get(entry);
  if (parts === undefined) {
    parts = [];
    keptParts.set(entry, parts);
  }
  const part = parts[length] ?? entry.subarray(CHECKED_FROM, length);
  parts[length] = part;
  return part;
}
