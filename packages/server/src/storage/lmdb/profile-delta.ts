/**
 * The delta of a large profile: its changes since the complete record that it is based on. A delta
 * contains all changes since that record, so a reader needs at most two entries.
 *
 * 0    u48  number of the entry with the complete record
 * 6    u16  weight of that entry
 * 8    u32  size of that record's attributes in bytes
 * 12   …    a record as in `profile-record.ts`, whose attributes are those set since, oldest first
 *
 * The attributes of the profile are those of the complete record except the ones that the delta
 * names, followed by the delta's own. Only setting attributes, and changes to the head alone,
 * produce deltas; any other change writes the complete profile.
 *
 * A profile is written completely again (folded) when its delta costs more than it saves, see
 * {@link isWorthDelta}.
 */

import {
  GROUP_HEAD,
  GROUP_MARK,
  NO_ATTRIBUTES,
  overlayAttributes,
  type PackedAttributes,
  readLength,
  skipLength,
} from '../../domain/attributes.ts';
import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';

/** What a delta is based on. */
export interface Base {
  readonly base: number;
  readonly baseWeight: number;
  /** Size of its attributes in bytes. */
  readonly baseBytes: number;
}

/** Bytes before the record. */
export const DELTA_HEAD = 12;
/**
 * Profiles with fewer bytes of attributes are always written completely, because several fit into a
 * page.
 */
const LEAST_BYTES = 2048;
/** A delta may always be this large, in bytes. */
const LIGHT_BYTES = 2048;

/** Whether a profile is large enough for a delta. */
export function isLarge(attributes: PackedAttributes): boolean {
  return attributes.length > LEAST_BYTES;
}

/**
 * Whether to write a delta rather than the complete profile.
 *
 * With deltas of up to 2 KiB, a profile of 60 KB is folded once in about fifty changes of one
 * attribute each. That is 1 KB per change for folding and 1 KB on average for the delta. A single
 * large change may have a large delta: it is written once with the change and folded by the next
 * small one.
 *
 * @param bytes size of the attributes in the delta
 * @param changeBytes size of those set by this change
 */
export function isWorthDelta(bytes: number, changeBytes: number, baseBytes: number): boolean {
  return bytes <= LIGHT_BYTES + 2 * changeBytes && 2 * bytes <= baseBytes;
}

export function writeBase(entry: Uint8Array, at: number, { base, baseWeight, baseBytes }: Base): number {
  writeTime(entry, base, at);
  entry[at + TIME_BYTES] = baseWeight >>> 8;
  entry[at + TIME_BYTES + 1] = baseWeight;
  entry[at + 8] = baseBytes >>> 24;
  entry[at + 9] = baseBytes >>> 16;
  entry[at + 10] = baseBytes >>> 8;
  entry[at + 11] = baseBytes;
  return at + DELTA_HEAD;
}

/** The base of the delta whose payload starts at `at`. */
export function baseOf(entry: Uint8Array, at: number): Base {
  return {
    base: readTime(entry, at),
    baseWeight: entry[at + TIME_BYTES]! * 0x100 + entry[at + TIME_BYTES + 1]!,
    baseBytes:
      entry[at + 8]! * 0x1000000 + entry[at + 9]! * 0x10000 + entry[at + 10]! * 0x100 + entry[at + 11]!,
  };
}

/**
 * Adds a change to a delta.
 * @param added all of one time that is not before the newest in the delta; not empty
 */
export function withChange(delta: PackedAttributes, added: PackedAttributes): PackedAttributes {
  if (delta.length === 0) return added;
  const target = Buffer.allocUnsafe(delta.length + added.length);
  const end = overlayAttributes(
    target,
    0,
    { bytes: delta, start: 0, end: delta.length },
    { bytes: added, start: 0, end: added.length },
  );
  return target.subarray(0, end);
}

/** The attributes with the newest time. */
export function newestGroup(attributes: PackedAttributes): PackedAttributes {
  let group = -1;
  for (let at = 0; at < attributes.length; ) {
    if (attributes[at] === GROUP_MARK) {
      group = at;
      at += GROUP_HEAD;
      continue;
    }
    const nameEnd = skipLength(attributes, at) + readLength(attributes, at);
    at = skipLength(attributes, nameEnd) + readLength(attributes, nameEnd);
  }
  return group === -1 ? NO_ATTRIBUTES : attributes.subarray(group);
}
