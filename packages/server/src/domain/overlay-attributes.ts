/**
 * Sets many attributes at once in the bytes of a profile, for rows of a batch: what `setAttributes` does, without a text, a map or an object.
 *
 * Both sides are attributes texts (`attributes.ts`) that lie within larger buffers.
 */

import { ENTRY_END, ENTRY_VALUE } from './attributes.ts';

const OPEN = 0x7b;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** From a name's closing quote to the first byte of its value. */
const TO_VALUE = 1 + ENTRY_VALUE.length;
/** From a value's closing quote to the first byte behind the entry. */
const TO_NEXT = ENTRY_END.length;

/**
 * Writes the text `old` with the entries of `added` set: those move to the end, in their order; the others stay as they are.
 *
 * @param target has room for both texts behind `at`
 * @returns where the text ends in the target
 */
export function overlayAttributes(
  target: Uint8Array,
  at: number,
  old: Uint8Array,
  oldStart: number,
  oldEnd: number,
  added: Uint8Array,
  addedStart: number,
  addedEnd: number,
): number {
  if (replacesAll(old, oldStart, oldEnd, added, addedStart, addedEnd)) {
    return copyBytes(target, at, added, addedStart, addedEnd);
  }
  const count = noteNames(added, addedStart, addedEnd);
  let end = at;
  target[end] = OPEN;
  end += 1;
  for (let entry = oldStart + 1; entry < oldEnd && old[entry] === QUOTE; ) {
    const nameEnd = stringEnd(old, entry + 1) + 1;
    const next = stringEnd(old, nameEnd - 1 + TO_VALUE) + TO_NEXT;
    if (!isNoted(old, entry, nameEnd, added, count)) {
      end = copyBytes(target, end, old, entry, next);
      target[end] = COMMA;
      end += 1;
    }
    entry = next + 1;
  }
  return copyBytes(target, end, added, addedStart + 1, addedEnd);
}

/** Whether every name of `old` is one of `added`; found only where both have them in one order, as the same export has every night. */
function replacesAll(
  old: Uint8Array,
  oldStart: number,
  oldEnd: number,
  added: Uint8Array,
  addedStart: number,
  addedEnd: number,
): boolean {
  let a = oldStart + 1;
  let b = addedStart + 1;
  while (a < oldEnd && old[a] === QUOTE) {
    if (b >= addedEnd) return false;
    let byte: number;
    do {
      a += 1;
      b += 1;
      byte = old[a]!;
      if (byte !== added[b]) return false;
      if (byte === BACKSLASH) {
        a += 1;
        b += 1;
        if (old[a] !== added[b]) return false;
      }
    } while (byte !== QUOTE);
    a = stringEnd(old, a + TO_VALUE) + TO_NEXT + 1;
    b = stringEnd(added, b + TO_VALUE) + TO_NEXT + 1;
  }
  return true;
}

/** Where the names of the added text lie, their quotes included: start and end, one pair after the other. */
let noted = new Int32Array(2 * 64);
/** The same as texts, once there are more than can be gone through for every entry. */
const notedTexts = new Set<string>();
const MANY = 32;

function noteNames(text: Uint8Array, start: number, end: number): number {
  let count = 0;
  notedTexts.clear();
  for (let entry = start + 1; entry < end && text[entry] === QUOTE; count += 1) {
    const nameEnd = stringEnd(text, entry + 1) + 1;
    if (2 * count === noted.length) noted = withRoom(noted);
    noted[2 * count] = entry;
    noted[2 * count + 1] = nameEnd;
    if (count >= MANY) notedTexts.add(latin1(text, entry, nameEnd));
    entry = stringEnd(text, nameEnd - 1 + TO_VALUE) + TO_NEXT + 1;
  }
  return count;
}

function isNoted(text: Uint8Array, start: number, end: number, added: Uint8Array, count: number): boolean {
  const length = end - start;
  for (let index = 0; index < count && index < MANY; index += 1) {
    const name = noted[2 * index]!;
    if (noted[2 * index + 1]! - name !== length) continue;
    let same = 0;
    while (same < length && text[start + same] === added[name + same]) same += 1;
    if (same === length) return true;
  }
  return count > MANY && notedTexts.has(latin1(text, start, end));
}

function latin1(text: Uint8Array, start: number, end: number): string {
  let characters = '';
  for (let at = start; at < end; at += 1) characters += String.fromCharCode(text[at]!);
  return characters;
}

function withRoom(full: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * full.length);
  larger.set(full);
  return larger;
}

/** Where the closing quote of a JSON string stands. @param start its first byte behind the opening quote */
function stringEnd(text: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = text[at];
    if (byte === QUOTE) return at;
    if (byte === undefined) throw new RangeError('attributes text is cut short');
    at += byte === BACKSLASH ? 2 : 1;
  }
}

function copyBytes(target: Uint8Array, at: number, from: Uint8Array, start: number, end: number): number {
  target.set(from.subarray(start, end), at);
  return at + end - start;
}
