/**
 * The state of a visitor: what Quiver stores beside the attributes, in the same packed bytes
 * (`packed-attributes.ts`), so that a visit writes both at once, and merges, moves, removals and
 * expiry treat both alike.
 *
 * The name of a state entry starts with a byte below 0x20, which is its kind. No attribute's name
 * starts like this, because packed names are escaped as in JSON. The rest of the name, and the
 * value, are packed like those of attributes. A fetch leaves the state out.
 */

import {
  GROUP_HEAD,
  GROUP_MARK,
  type PackedAttributes,
  readLength,
  skipLength,
} from './attributes/packed-attributes.ts';

/** The kinds of state, each the first character of a name. The numbers are stored. */
export const STATE = {
  /** Its time is that of the last call; it has no value (contract section 14). */
  lastCall: '\u0001',
  /** The session of that call (`session.ts`). */
  session: '\u0002',
  /** Scores of categories (`category-affinity.ts`). */
  affinity: '\u0003',
  /**
   * A customer attribute (contract section 17); the rest of the name is `<source>.<attribute>`. An
   * empty value means null.
   */
  customerAttribute: '\u0004',
  /** What a profile script has stored for itself. */
  scriptLocal: '\u0005',
} as const;

/** The first kind that counts towards the 64 KB of contract section 5. */
const FIRST_COUNTED = STATE.customerAttribute.charCodeAt(0);
/** The first byte of an attribute's name is at least this. */
const FIRST_PRINTABLE = 0x20;

/** State to set: a name starts with its kind from {@link STATE}; a value may be empty. */
export type StateSettings = ReadonlyMap<string, string>;

/** One entry of the state. */
export interface StateEntry {
  readonly name: string;
  readonly value: string;
  /** When it was set, in epoch milliseconds. */
  readonly modifiedAt: number;
}

/** Whether a packed name with this first byte belongs to the state. */
export function isStateByte(first: number): boolean {
  return first < FIRST_PRINTABLE;
}

/** Whether an entry whose name starts with this byte counts towards the 64 KB. */
export function isCountedByte(first: number): boolean {
  return first >= FIRST_COUNTED;
}

/** Whether packed attributes contain any state. */
export function hasState(packed: PackedAttributes): boolean {
  for (let at = 0; at < packed.length; ) {
    if (packed[at] === GROUP_MARK) {
      at += GROUP_HEAD;
      continue;
    }
    const nameStart = skipLength(packed, at);
    if (isStateByte(packed[nameStart]!)) return true;
    const nameEnd = nameStart + readLength(packed, at);
    at = skipLength(packed, nameEnd) + readLength(packed, nameEnd);
  }
  return false;
}
