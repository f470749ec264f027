/**
 * The change of a large profile: what it has beyond the whole record that it is based on. A delta
 * holds all changes since that record, so a reader needs two entries and never more.
 *
 *   0    u48  number of the entry with the whole record
 *   6    u16  that entry's weight
 *   8    u32  bytes of that record's attributes
 *   12   …    a record as in `profile-record.ts`, whose attributes are those set since, oldest first
 *
 * The attributes are those of the whole record without the ones that the delta names, then the
 * delta's own. Only settings of attributes, and changes of nothing but the head, make deltas:
 * whatever else changes a profile writes it whole.
 *
 * A profile is written whole (folded) when its delta has become heavier than what it saves: see
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
  /** Bytes of its attributes. */
  readonly baseBytes: number;
}

/** Bytes before the record. */
export const DELTA_HEAD = 12;
/**
 * Profiles with fewer bytes of attributes are always written whole: they lie side by side within a
 * page.
 */
const LEAST_BYTES = 2048;
/** A delta may be this heavy, in bytes, whatever the change is. */
const LIGHT_BYTES = 2048;

/** Whether a profile may have a delta at all. */
export function isLarge(attributes: PackedAttributes): boolean {
  return attributes.length > LEAST_BYTES;
}

/**
 * Whether a delta is to be written rather than the whole.
 *
 * With deltas of up to 2 KiB a profile of 60 KB is folded once in some fifty changes of one
 * attribute each; that is 1 KB a change for the fold and 1 KB on average for the delta. One large
 * change may have a heavy delta: it is written once with the change and folded by the next small
 * one.
 *
 * @param bytes of the attributes of the delta
 * @param changeBytes of those that this very change has set
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

/** What the delta whose payload begins at `at` is based on. */
export function baseOf(entry: Uint8Array, at: number): Base {
  return {
    base: readTime(entry, at),
    baseWeight: entry[at + TIME_BYTES]! * 0x100 + entry[at + TIME_BYTES + 1]!,
    baseBytes:
      entry[at + 8]! * 0x1000000 + entry[at + 9]! * 0x10000 + entry[at + 10]! * 0x100 + entry[at + 11]!,
  };
}

/**
 * Adds a change to a delta. @param added is of one time, none before the newest of the delta; not
 * empty
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

/** The entries of the newest time. */
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
