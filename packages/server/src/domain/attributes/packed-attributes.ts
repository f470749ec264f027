/**
 * The packed form of a profile's attributes in memory and in a store, without what every fetch
 * repeats.
 *
 * group    0x00, then the time in six bytes (epoch milliseconds, big-endian), then the entries that
 *          were set at that time
 * entry    length of the name, name, length of the value, value
 *
 * Groups and so entries are oldest first (contract section 4). No two groups have the same time,
 * and none is empty. Name and value are UTF-8 in the form they have within JSON quotes, so that a
 * fetch copies them (`attributes-json.ts`). A length is LEB128 (seven bits per byte, lowest first).
 * A name has at least one byte, so the zero of a group cannot be mistaken for an entry. The same
 * attributes in the same order always give the same bytes.
 *
 * A profile of ten attributes whose fetch has 840 bytes takes 260.
 *
 * Visitor state, which no fetch shows, is stored among the attributes: see `visitor-state.ts`.
 */

import { copyBytes } from '../copy-bytes.ts';
import { readTime, TIME_BYTES, writeTime } from '../time-bytes.ts';

/** The attributes of one profile; no bytes if there are none. */
export type PackedAttributes = Buffer;

export const NO_ATTRIBUTES: PackedAttributes = Buffer.alloc(0);

/** The first byte of a group. */
export const GROUP_MARK = 0;
/** Bytes before the first entry of a group. */
export const GROUP_HEAD = 1 + TIME_BYTES;
/** The most bytes of a length; the lengths are far below 2^21. */
export const MAX_LENGTH_BYTES = 3;

const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** One attribute in packed attributes. */
export interface Entry {
  /** Epoch milliseconds. */
  readonly time: number;
  /** Where its first length is. */
  readonly start: number;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  /** Where its value, and so the entry, ends. */
  readonly end: number;
}

/**
 * Every entry, oldest first.
 *
 * @throws RangeError when the bytes end within an entry
 */
export function entriesOf(packed: PackedAttributes): Entry[] {
  const entries: Entry[] = [];
  let time = 0;
  for (let at = 0; at < packed.length; ) {
    if (packed[at] === GROUP_MARK) {
      time = readTime(packed, at + 1);
      at += GROUP_HEAD;
      continue;
    }
    const start = at;
    const nameStart = skipLength(packed, at);
    const nameEnd = nameStart + readLength(packed, at);
    const valueStart = skipLength(packed, nameEnd);
    const end = valueStart + readLength(packed, nameEnd);
    if (!(end <= packed.length)) throw new RangeError('packed attributes are cut short');
    entries.push({ time, start, nameStart, nameEnd, valueStart, end });
    at = end;
  }
  return entries;
}

/** Assembles entries, which must come oldest first, from any packed attributes. */
export class AttributesPacker {
  #bytes: Buffer;
  #length = 0;
  #time = Number.NaN;

  /** @param size the expected number of bytes; it may become more */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  /** Copies an entry of other packed attributes. */
  copy(from: PackedAttributes, { time, start, end }: Entry): void {
    this.#begin(time, end - start);
    from.copy(this.#bytes, this.#length, start, end);
    this.#length += end - start;
  }

  /**
   * Adds an attribute.
   * @throws RangeError when it has no name
   */
  add(name: string, value: string, time: number): void {
    if (name === '') throw new RangeError('an attribute has a name');
    const quotedName = JSON.stringify(name);
    const quotedValue = JSON.stringify(value);
    // A UTF-16 unit is at most three bytes of UTF-8.
    this.#begin(time, 2 * MAX_LENGTH_BYTES + 3 * (quotedName.length + quotedValue.length));
    this.#addText(quotedName);
    this.#addText(quotedValue);
  }

  /**
   * Adds an entry of visitor state (`visitor-state.ts`); the first character of its name is its
   * kind.
   */
  addState(name: string, value: string, time: number): void {
    const quotedName = JSON.stringify(name.slice(1));
    const quotedValue = JSON.stringify(value);
    this.#begin(time, 1 + 2 * MAX_LENGTH_BYTES + 3 * (quotedName.length + quotedValue.length));
    this.#addText(quotedName, name.charCodeAt(0));
    this.#addText(quotedValue);
  }

  /** The result; nothing may be added afterwards. */
  packed(): PackedAttributes {
    return this.#bytes.subarray(0, this.#length);
  }

  #begin(time: number, room: number): void {
    if (this.#length + GROUP_HEAD + room > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * (this.#length + GROUP_HEAD + room));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    if (time === this.#time) return;
    this.#length = writeGroupHead(this.#bytes, this.#length, time);
    this.#time = time;
  }

  /** @param kind a byte to write before the text; undefined for none */
  #addText(quoted: string, kind?: number): void {
    const text = quoted.slice(1, -1);
    // Most texts are short: room for a length of one byte is left, and the text is moved only if it
    // needs more.
    const start = this.#length + 1;
    let bytes = 0;
    if (kind !== undefined) {
      this.#bytes[start] = kind;
      bytes = 1;
    }
    bytes += this.#bytes.write(text, start + bytes, 'utf8');
    this.#length = putLengthBefore(this.#bytes, start, start + bytes);
  }
}

/**
 * Writes what precedes the entries of one time.
 * @returns where it ends
 */
export function writeGroupHead(target: Uint8Array, at: number, time: number): number {
  target[at] = GROUP_MARK;
  writeTime(target, time, at + 1);
  return at + GROUP_HEAD;
}

/**
 * Writes the length of the range from `start` to `end` before it, where one byte was left free;
 * moves the range if the length needs more.
 *
 * @returns where the range then ends
 */
export function putLengthBefore(target: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 0x80) {
    target[start - 1] = length;
    return end;
  }
  const more = length < 0x4000 ? 1 : 2;
  target.copyWithin(start + more, start, end);
  target[start - 1] = (length & 0x7f) | 0x80;
  if (more === 1) {
    target[start] = length >>> 7;
  } else {
    target[start] = ((length >>> 7) & 0x7f) | 0x80;
    target[start + 1] = length >>> 14;
  }
  return end + more;
}

/** Reads a length; {@link skipLength} returns where it ends. */
export function readLength(packed: Uint8Array, at: number): number {
  const first = packed[at]!;
  if (first < 0x80) return first;
  const second = packed[at + 1]!;
  if (second < 0x80) return (second << 7) | (first & 0x7f);
  return (packed[at + 2]! << 14) | ((second & 0x7f) << 7) | (first & 0x7f);
}

/** Where the length at `at` ends. */
export function skipLength(packed: Uint8Array, at: number): number {
  if (packed[at]! < 0x80) return at + 1;
  return packed[at + 1]! < 0x80 ? at + 2 : at + 3;
}

/** A name as it starts an entry. */
export function packedName(name: string): Buffer {
  const text = Buffer.from(JSON.stringify(name).slice(1, -1));
  const bytes = Buffer.alloc(MAX_LENGTH_BYTES + text.length);
  text.copy(bytes, 1);
  return bytes.subarray(0, putLengthBefore(bytes, 1, 1 + text.length));
}

/** The escape of each ASCII character in a name or value; undefined if it is not escaped. */
export const JSON_ESCAPES: readonly (Uint8Array | undefined)[] = Array.from({ length: 0x80 }, (_, code) => {
  const escaped = JSON.stringify(String.fromCharCode(code)).slice(1, -1);
  return escaped.length === 1 ? undefined : Buffer.from(escaped);
});

/**
 * Writes a value after its name: its length, then the value.
 *
 * @param from contains the value from `start` to `end`, in the form it has within JSON quotes
 * @returns where it ends in the target
 */
export function putPlainValue(
  target: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  end: number,
): number {
  const length = end - start;
  let to = at;
  if (length < 0x80) {
    target[to] = length;
    to += 1;
  } else {
    target[to] = (length & 0x7f) | 0x80;
    target[to + 1] = length < 0x4000 ? length >>> 7 : ((length >>> 7) & 0x7f) | 0x80;
    to += 2;
    if (length >= 0x4000) {
      target[to] = length >>> 14;
      to += 1;
    }
  }
  return copyBytes(target, to, from, start, end);
}

/** As {@link putPlainValue}, for a value in UTF-8 with characters that JSON may escape. */
export function putValue(
  target: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  end: number,
): number {
  let to = at + 1;
  for (let index = start; index < end; index += 1) {
    const byte = from[index]!;
    const escaped = byte < 0x80 ? JSON_ESCAPES[byte] : undefined;
    if (escaped === undefined) {
      target[to] = byte;
      to += 1;
    } else {
      to = copyBytes(target, to, escaped, 0, escaped.length);
    }
  }
  return putLengthBefore(target, at + 1, to);
}

/** The size of a name or value in bytes, without JSON escapes. */
export function unescapedSize(packed: Uint8Array, start: number, end: number): number {
  let size = 0;
  // JSON.stringify escapes control characters as \uXXXX, and quote, backslash and five others with
  // one letter; each counts as one byte.
  for (let at = start; at < end; size += 1) {
    at += packed[at] !== BACKSLASH ? 1 : packed[at + 1] === LETTER_U ? 6 : 2;
  }
  return size;
}
