/**
 * The record of a profile in its entry: a small binary head, then the packed attributes
 * (`domain/packed-attributes.ts`).
 *
 * Version 1 (integers big-endian, times in epoch milliseconds):
 *
 *   0      u8   version: 1
 *   1      u48  modifiedAt
 *   7      u48  expiresAt
 *   13     u48  createdAt: since when the first id names the profile
 *   19     u48  sweepAt: the profile's time in the expiry index, never after expiresAt
 *   25     u48  linkGroup: the group of links that lists its ids; 0 while it has a single id
 *   31     u32  number of ids
 *   35     u16  length of the thirdPartyId in bytes; 0xffff when there is none
 *   37     …    thirdPartyId, UTF-8
 *   …      …    packed attributes, to the end
 *
 * The bytes may be part of a larger buffer, and the engine may lend the same buffer again, so
 * whatever is kept must be copied.
 */

import { attributesJson, type PackedAttributes } from '../../domain/attributes.ts';
import { copyOf } from '../../domain/copy-bytes.ts';
import type { Profile } from '../../domain/profile.ts';
import { readTime, writeTime } from '../../domain/time-bytes.ts';
import type { FoundProfile } from '../profile-store.ts';
import { damaged } from './record-entry.ts';

/** A profile with what the store keeps beside it. */
export interface StoredProfile {
  readonly profile: Profile;
  readonly createdAt: number;
  readonly sweepAt: number;
  readonly linkGroup: number;
  readonly idCount: number;
}

/** The members of a record's head besides the times of the profile. */
export type KeptBeside = Pick<StoredProfile, 'createdAt' | 'sweepAt' | 'linkGroup' | 'idCount'>;

const VERSION = 1;
/** Bytes before the thirdPartyId, or before the attributes if there is none. */
export const PROFILE_HEAD = 37;
const ID_LENGTH_AT = 35;
const NO_THIRD_PARTY_ID = 0xffff;

/** The length of a profile's record. */
export function recordLength({ thirdPartyId, attributes }: Profile): number {
  return (
    PROFILE_HEAD + (thirdPartyId === undefined ? 0 : Buffer.byteLength(thirdPartyId)) + attributes.length
  );
}

/**
 * Writes a record into a buffer.
 * @returns where it ends
 */
export function writeProfile(
  bytes: Buffer,
  at: number,
  stored: StoredProfile,
  attributes: PackedAttributes = stored.profile.attributes,
): number {
  const { thirdPartyId } = stored.profile;
  let end = at + PROFILE_HEAD;
  if (thirdPartyId !== undefined) end += bytes.write(thirdPartyId, end, 'utf8');
  const idLength = thirdPartyId === undefined ? undefined : end - at - PROFILE_HEAD;
  writeProfileHead(bytes, at, stored, stored.profile, idLength);
  bytes.set(attributes, end);
  return end + attributes.length;
}

/**
 * Writes the head of a record.
 *
 * @param at where the record starts in `bytes`
 * @param idLength length of the thirdPartyId in bytes; undefined when there is none
 */
export function writeProfileHead(
  bytes: Uint8Array,
  at: number,
  kept: KeptBeside,
  { modifiedAt, expiresAt }: Pick<Profile, 'modifiedAt' | 'expiresAt'>,
  idLength: number | undefined,
): void {
  bytes[at] = VERSION;
  writeTime(bytes, modifiedAt, at + 1);
  writeTime(bytes, expiresAt, at + 7);
  writeTime(bytes, kept.createdAt, at + 13);
  writeTime(bytes, kept.sweepAt, at + 19);
  writeTime(bytes, kept.linkGroup, at + 25);
  const { idCount } = kept;
  bytes[at + 31] = idCount >>> 24;
  bytes[at + 32] = idCount >>> 16;
  bytes[at + 33] = idCount >>> 8;
  bytes[at + 34] = idCount;
  const lengthField = idLength ?? NO_THIRD_PARTY_ID;
  bytes[at + ID_LENGTH_AT] = lengthField >>> 8;
  bytes[at + ID_LENGTH_AT + 1] = lengthField;
}

// Used by batches, which read and change a record without decoding it.

export function readModifiedAt(bytes: Uint8Array, at: number): number {
  return readTime(bytes, at + 1);
}

export function readExpiresAt(bytes: Uint8Array, at: number): number {
  return readTime(bytes, at + 7);
}

export function readSweepAt(bytes: Uint8Array, at: number): number {
  return readTime(bytes, at + 19);
}

/** Where the attributes start in the record at `at`. */
export function attributesStartOf(bytes: Uint8Array, at: number): number {
  const idLength = bytes[at + ID_LENGTH_AT]! * 0x100 + bytes[at + ID_LENGTH_AT + 1]!;
  return at + PROFILE_HEAD + (idLength === NO_THIRD_PARTY_ID ? 0 : idLength);
}

/** Sets the times that change with the attributes. */
export function writeChangeTimes(bytes: Uint8Array, at: number, modifiedAt: number, expiresAt: number): void {
  writeTime(bytes, modifiedAt, at + 1);
  writeTime(bytes, expiresAt, at + 7);
}

/**
 * Decodes the record from `at` to `end`.
 * @param attributes used instead of its own
 */
export function decodeProfile(
  bytes: Buffer,
  at: number,
  end: number,
  attributes?: PackedAttributes,
): StoredProfile {
  if (bytes[at] !== VERSION) throw damaged(`a record has the unknown version ${bytes[at]}`);
  const attributesStart = attributesStartOf(bytes, at);
  const idStart = at + PROFILE_HEAD;
  const hasId = bytes[at + ID_LENGTH_AT] !== 0xff || bytes[at + ID_LENGTH_AT + 1] !== 0xff;
  return {
    profile: {
      thirdPartyId: hasId ? bytes.toString('utf8', idStart, attributesStart) : undefined,
      modifiedAt: readTime(bytes, at + 1),
      expiresAt: readTime(bytes, at + 7),
      attributes: attributes ?? copyOf(bytes, attributesStart, end),
    },
    createdAt: readTime(bytes, at + 13),
    sweepAt: readTime(bytes, at + 19),
    linkGroup: readTime(bytes, at + 25),
    idCount:
      bytes[at + 31]! * 0x1000000 + bytes[at + 32]! * 0x10000 + bytes[at + 33]! * 0x100 + bytes[at + 34]!,
  };
}

/** Decodes the parts of a record that a fetch returns, without copying the bytes. */
export function decodeFound(bytes: Uint8Array, at: number, end: number): FoundProfile {
  if (bytes[at] !== VERSION) throw damaged(`a record has the unknown version ${bytes[at]}`);
  return {
    modifiedAt: readModifiedAt(bytes, at),
    expiresAt: readExpiresAt(bytes, at),
    attributes: attributesJson(bytes, attributesStartOf(bytes, at), end),
  };
}
