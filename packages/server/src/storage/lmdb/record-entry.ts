/**
 * The bytes of an entry of the table `records`. An entry is never changed; a later one of the same
 * key takes its place.
 *
 *   0      u8   what it is: a profile, a delta, a pointer, a removal
 *   1      u8   flags: whether the index had it in the same commit; whether it is only a copy of an older one
 *   2      u8   the channel through which the change came
 *   3      u8   what changed
 *   4      u32  CRC-32 of all that follows, begun with the bytes before it and the entry's own number
 *   8      u16  bytes of the key
 *   10     …    the key (`lmdb-keys.ts`)
 *   …      …    by what it is
 *               profile   its record, `profile-record.ts`
 *               delta     a change of a large profile, `profile-delta.ts`
 *               pointer   since when, then the key of the profile
 *               removal   nothing
 *
 * The numbers rise in the order of the changes, so the entries in their order, without copies, say
 * what happened. The checksum and the key tell an entry that is damaged, that is another one's, or
 * that is at another one's number.
 */

import { crc32 } from 'node:zlib';
import { QuiverError } from '../../errors.ts';

export const PROFILE = 1;
export const DELTA = 2;
export const POINTER = 3;
export const REMOVAL = 4;
export type EntryKind = typeof PROFILE | typeof DELTA | typeof POINTER | typeof REMOVAL;

/** The index has had the entry since its own commit: nobody need remember it. */
export const INDEXED = 1;
/** A copy that cleaning has made: nothing has changed. */
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
/** Where the key of an entry begins. */
export const KEY_AT = 10;

/** What a reader or writer is told when what is stored is not what was written. */
export function damaged(what: string): QuiverError {
  return new QuiverError('unavailable', 'What is stored there is damaged', { cause: new RangeError(what) });
}

/** Writes all before the payload but the checksum. @returns where the payload begins */
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

/** The key of an entry as a text of one character a byte. */
export function keyTextOf(entry: Buffer): string {
  return entry.toString('latin1', KEY_AT, KEY_AT + keyLengthOf(entry));
}

/** Writes the checksum, when all else is written. */
export function seal(entry: Buffer, length: number, number: number): void {
  const sum = checksumOf(entry, length, number);
  entry[CHECKSUM_AT] = sum >>> 24;
  entry[CHECKSUM_AT + 1] = sum >>> 16;
  entry[CHECKSUM_AT + 2] = sum >>> 8;
  entry[CHECKSUM_AT + 3] = sum;
}

/** Whether an entry is as it was written, and at its own number. */
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
 * The checked parts of buffers that are used again and again, by length: to make one costs more
 * than the checksum of a small entry.
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
