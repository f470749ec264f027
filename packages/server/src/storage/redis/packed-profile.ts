/**
 * The bytes of a stored profile: a small binary head, then the packed attributes
 * (`domain/packed-attributes.ts`).
 *
 * Profile, version 2 (integers big-endian, times in epoch milliseconds):
 *
 * 0      u8   type and version: 3
 * 1      u48  modifiedAt
 * 7      u48  expiresAt
 * 13     u48  createdAt: since when the home id names the profile
 * 19     u48  sweepAt: the profile's time in the expiry index, never after expiresAt
 * 25     u48  linkGroup: the group of links that lists its ids; 0 while the home id is the only one
 * 31     u16  length of the thirdPartyId in bytes; 0xffff when there is none
 * 33     …    thirdPartyId, UTF-8
 * …      …    packed attributes, to the end
 */

import { attributesJson } from '../../domain/attributes.ts';
import { copyOf } from '../../domain/copy-bytes.ts';
import type { Profile } from '../../domain/profile.ts';
import { readTime, writeTime } from '../../domain/time-bytes.ts';
import type { FoundProfile } from '../profile-store.ts';

/** A profile with what the store keeps beside it. */
interface StoredProfile {
  readonly profile: Profile;
  readonly createdAt: number;
  readonly sweepAt: number;
  readonly linkGroup: number;
}

const PROFILE_V2 = 3;
/** Bytes before the thirdPartyId, or before the attributes if there is none. */
const PROFILE_HEAD = 33;
const NO_THIRD_PARTY_ID = 0xffff;
export function encodeProfile(stored: StoredProfile): Buffer {
  const { thirdPartyId, attributes } = stored.profile;
  const idLength = thirdPartyId === undefined ? 0 : Buffer.byteLength(thirdPartyId);
  const bytes = Buffer.allocUnsafe(PROFILE_HEAD + idLength + attributes.length);
  writeProfileHead(bytes, 0, stored, stored.profile, thirdPartyId === undefined ? undefined : idLength);
  if (thirdPartyId !== undefined) bytes.write(thirdPartyId, PROFILE_HEAD, 'utf8');
  attributes.copy(bytes, PROFILE_HEAD + idLength);
  return bytes;
}

/**
 * Writes the head of a profile's record.
 *
 * @param at where the record starts in `bytes`
 * @param idLength length of the thirdPartyId in bytes; undefined when there is none
 */
function writeProfileHead(
  bytes: Uint8Array,
  at: number,
  kept: Pick<StoredProfile, 'createdAt' | 'sweepAt' | 'linkGroup'>,
  { modifiedAt, expiresAt }: Pick<Profile, 'modifiedAt' | 'expiresAt'>,
  idLength: number | undefined,
): void {
  bytes[at] = PROFILE_V2;
  writeTime(bytes, modifiedAt, at + 1);
  writeTime(bytes, expiresAt, at + 7);
  writeTime(bytes, kept.createdAt, at + 13);
  writeTime(bytes, kept.sweepAt, at + 19);
  writeTime(bytes, kept.linkGroup, at + 25);
  const lengthField = idLength ?? NO_THIRD_PARTY_ID;
  bytes[at + 31] = lengthField >>> 8;
  bytes[at + 32] = lengthField;
}

/**
 * Reads a profile.
 *
 * @param bytes the record, and perhaps more; an engine may lend the same buffer again, so whatever
 *   is kept is copied
 * @param length the length of the record
 */
export function unpackProfile(bytes: Uint8Array, length: number): StoredProfile {
  const idLength = bytes[31]! * 0x100 + bytes[32]!;
  const hasId = idLength !== NO_THIRD_PARTY_ID;
  const attributesStart = hasId ? PROFILE_HEAD + idLength : PROFILE_HEAD;
  return {
    profile: {
      thirdPartyId: hasId ? textAt(bytes, PROFILE_HEAD, attributesStart) : undefined,
      modifiedAt: readTime(bytes, 1),
      expiresAt: readTime(bytes, 7),
      attributes: copyOf(bytes, attributesStart, length),
    },
    createdAt: readTime(bytes, 13),
    sweepAt: readTime(bytes, 19),
    linkGroup: readTime(bytes, 25),
  };
}

/** Where the attributes of a record start. */
function attributesStartOf(record: Uint8Array): number {
  const idLength = record[31]! * 0x100 + record[32]!;
  return idLength === NO_THIRD_PARTY_ID ? PROFILE_HEAD : PROFILE_HEAD + idLength;
}

/**
 * Reads the parts of a profile that a fetch returns, without copying the bytes. Parameters as in
 * {@link unpackProfile}.
 */
export function unpackFound(bytes: Uint8Array, length: number): FoundProfile {
  return {
    modifiedAt: readTime(bytes, 1),
    expiresAt: readTime(bytes, 7),
    attributes: attributesJson(bytes, attributesStartOf(bytes), length),
  };
}

function textAt(bytes: Uint8Array, start: number, end: number): string {
  return copyOf(bytes, start, end).toString('utf8');
}
