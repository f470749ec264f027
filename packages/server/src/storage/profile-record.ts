/**
 * The bytes of a stored profile: a small binary head, then the attributes text as a fetch sends it.
 *
 * Profile, version 1 (integers big-endian, times in epoch milliseconds):
 *
 *   0      u8   what it is and in which version: 1
 *   1      u48  modifiedAt
 *   7      u48  expiresAt
 *   13     u48  createdAt: since when the home id names the profile
 *   19     u48  sweepAt: where the expiry index holds the profile, never after expiresAt
 *   25     u48  linkGroup: which group of links lists its ids; 0 while the home id is the only one
 *   31     u16  bytes of the thirdPartyId; 0xffff when there is none
 *   33     …    thirdPartyId, UTF-8
 *   …      …    attributes text, UTF-8, to the end
 *
 * Pointer, version 1: what stands under an id that is not the home of its profile.
 *
 *   0      u8   2
 *   1      u48  since when this id names the profile
 *   7      u8   kind of the home id: its place in ID_KINDS
 *   8      …    value of the home id, UTF-8, to the end
 *
 * Home: the id under whose key the profile itself lies, so that a fetch by it reads the store once.
 */

import type { Profile } from '../domain/profile.ts';
import { ID_KINDS, type VisitorId } from '../domain/visitor-id.ts';

/** A profile with what the store keeps beside it. */
export interface StoredProfile {
  readonly profile: Profile;
  readonly createdAt: number;
  readonly sweepAt: number;
  readonly linkGroup: number;
}

/** What an id that is not the home of its profile holds. */
export interface Pointer {
  readonly home: VisitorId;
  readonly since: number;
}

const PROFILE_V1 = 1;
const POINTER_V1 = 2;
const HEAD = 33;
const NO_THIRD_PARTY_ID = 0xffff;
const POINTER_HEAD = 8;

/** Whether the bytes are a pointer; anything that is neither pointer nor profile of a known version throws RangeError. */
export function isPointer(bytes: Buffer): boolean {
  const tag = bytes[0];
  if (tag === PROFILE_V1) return false;
  if (tag === POINTER_V1) return true;
  throw new RangeError(`a stored record has the unknown format ${tag}`);
}

export function encodeProfile(stored: StoredProfile): Buffer {
  const { profile } = stored;
  const { thirdPartyId, attributes } = profile;
  const idLength = thirdPartyId === undefined ? 0 : Buffer.byteLength(thirdPartyId);
  const bytes = Buffer.allocUnsafe(HEAD + idLength + attributes.length);
  bytes[0] = PROFILE_V1;
  writeTime(bytes, profile.modifiedAt, 1);
  writeTime(bytes, profile.expiresAt, 7);
  writeTime(bytes, stored.createdAt, 13);
  writeTime(bytes, stored.sweepAt, 19);
  writeTime(bytes, stored.linkGroup, 25);
  bytes.writeUInt16BE(thirdPartyId === undefined ? NO_THIRD_PARTY_ID : idLength, 31);
  if (thirdPartyId !== undefined) bytes.write(thirdPartyId, HEAD, 'utf8');
  attributes.copy(bytes, HEAD + idLength);
  return bytes;
}

/** Reads a profile; its attributes are a view of `bytes`, which must not be reused afterwards. */
export function decodeProfile(bytes: Buffer): StoredProfile {
  const idLength = bytes.readUInt16BE(31);
  const hasId = idLength !== NO_THIRD_PARTY_ID;
  const attributesStart = hasId ? HEAD + idLength : HEAD;
  return {
    profile: {
      thirdPartyId: hasId ? bytes.toString('utf8', HEAD, attributesStart) : undefined,
      modifiedAt: readTime(bytes, 1),
      expiresAt: readTime(bytes, 7),
      attributes: bytes.subarray(attributesStart),
    },
    createdAt: readTime(bytes, 13),
    sweepAt: readTime(bytes, 19),
    linkGroup: readTime(bytes, 25),
  };
}

export function encodePointer(pointer: Pointer): Buffer {
  const bytes = Buffer.allocUnsafe(POINTER_HEAD + Buffer.byteLength(pointer.home.value));
  bytes[0] = POINTER_V1;
  writeTime(bytes, pointer.since, 1);
  bytes[7] = ID_KINDS.indexOf(pointer.home.kind);
  bytes.write(pointer.home.value, POINTER_HEAD, 'utf8');
  return bytes;
}

export function decodePointer(bytes: Buffer): Pointer {
  return {
    since: readTime(bytes, 1),
    home: { kind: ID_KINDS[bytes[7]!]!, value: bytes.toString('utf8', POINTER_HEAD) },
  };
}

/** Writes a whole number below 2^48 into six bytes; two plain writes, for this runs for every record. */
export function writeTime(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt16BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value % 0x1_0000_0000, at + 2);
}

/** Reads what {@link writeTime} wrote. */
export function readTime(bytes: Buffer, at: number): number {
  return bytes.readUInt16BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 2);
}
