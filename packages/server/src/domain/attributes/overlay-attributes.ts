/**
 * Sets attributes in the bytes of a profile without creating strings or maps, for rows of a batch
 * and for every other change. Both sides are packed attributes (`packed-attributes.ts`).
 */

import { copyBytes } from '../copy-bytes.ts';
import { GROUP_HEAD, GROUP_MARK, readLength, skipLength } from './packed-attributes.ts';

/** Packed attributes in a larger buffer, from `start` to before `end`. */
export interface Stretch {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Writes `old` with the entries of `added` set: those move to the end, in their order; the others
 * stay as they are.
 *
 * @param target has room for both after `at`
 * @param added has no time before the newest of `old`; not empty
 * @returns where the attributes end in the target
 */
export function overlayAttributes(target: Uint8Array, at: number, old: Stretch, added: Stretch): number {
  return overlay.write(target, at, old, added);
}

/**
 * Copies the entries of `old` whose names are not in `named`.
 *
 * @param target has room for all of `old` after `at`
 * @returns where the copy ends in the target
 */
export function copyOthers(target: Uint8Array, at: number, old: Stretch, named: Stretch): number {
  return overlay.copyOthers(target, at, old, named);
}

const MANY = 32;

/** The working memory of successive overlays. */
class Overlay {
  /** Where the names of the added entries are: pairs of start and end. */
  #noted = new Int32Array(2 * 64);
  /** The same as strings, if there are too many to search one by one. */
  readonly #notedTexts = new Set<string>();
  /** Where the last group with a copied entry starts in the old bytes; -1 for none. */
  #lastGroup = -1;

  write(target: Uint8Array, at: number, old: Stretch, added: Stretch): number {
    const { bytes, start, end: addedEnd } = added;
    if (replacesAll(old, added)) return copyBytes(target, at, bytes, start, addedEnd);
    const end = this.copyOthers(target, at, old, added);
    const isOfLastGroup = this.#lastGroup !== -1 && hasSameTime(old.bytes, this.#lastGroup, bytes, start);
    return copyBytes(target, end, bytes, isOfLastGroup ? start + GROUP_HEAD : start, addedEnd);
  }

  copyOthers(target: Uint8Array, at: number, oldStretch: Stretch, named: Stretch): number {
    const { bytes: old, end: oldEnd } = oldStretch;
    const count = this.#noteNames(named);
    let end = at;
    let group = -1;
    let lastGroup = -1;
    // Where the range to be copied next starts, including group heads in it; it ends at the current
    // entry. -1 for none.
    let run = -1;
    for (let entry = oldStretch.start; entry < oldEnd; ) {
      if (old[entry] === GROUP_MARK) {
        // A range continues across it, unless nothing of its group is kept.
        if (run !== -1) end = copyBytes(target, end, old, run, entry);
        run = -1;
        group = entry;
        entry += GROUP_HEAD;
        continue;
      }
      const nameStart = skipLength(old, entry);
      const nameEnd = nameStart + readLength(old, entry);
      const next = skipLength(old, nameEnd) + readLength(old, nameEnd);
      if (this.#isNoted(old, nameStart, nameEnd, named.bytes, count)) {
        if (run !== -1) end = copyBytes(target, end, old, run, entry);
        run = -1;
      } else if (run === -1) {
        if (lastGroup !== group) end = copyBytes(target, end, old, group, group + GROUP_HEAD);
        lastGroup = group;
        run = entry;
      }
      entry = next;
    }
    this.#lastGroup = lastGroup;
    return run === -1 ? end : copyBytes(target, end, old, run, oldEnd);
  }

  /** @returns how many names there are */
  #noteNames({ bytes: packed, start, end }: Stretch): number {
    let count = 0;
    this.#notedTexts.clear();
    for (let entry = start; entry < end; ) {
      if (packed[entry] === GROUP_MARK) {
        entry += GROUP_HEAD;
        continue;
      }
      const nameStart = skipLength(packed, entry);
      const nameEnd = nameStart + readLength(packed, entry);
      if (2 * count === this.#noted.length) this.#noted = withRoom(this.#noted);
      this.#noted[2 * count] = nameStart;
      this.#noted[2 * count + 1] = nameEnd;
      if (count >= MANY) this.#notedTexts.add(latin1(packed, nameStart, nameEnd));
      entry = skipLength(packed, nameEnd) + readLength(packed, nameEnd);
      count += 1;
    }
    return count;
  }

  #isNoted(old: Uint8Array, start: number, end: number, added: Uint8Array, count: number): boolean {
    const noted = this.#noted;
    const length = end - start;
    for (let index = 0; index < count && index < MANY; index += 1) {
      const name = noted[2 * index]!;
      if (noted[2 * index + 1]! - name !== length) continue;
      let same = 0;
      while (same < length && old[start + same] === added[name + same]) same += 1;
      if (same === length) return true;
    }
    return count > MANY && this.#notedTexts.has(latin1(old, start, end));
  }
}

/**
 * Whether every name of `old` is one of `added`; detected only when both have them in the same
 * order, as a nightly export does.
 */
function replacesAll(oldStretch: Stretch, addedStretch: Stretch): boolean {
  const { bytes: old, end: oldEnd } = oldStretch;
  const { bytes: added, end: addedEnd } = addedStretch;
  let a = oldStretch.start;
  let b = addedStretch.start;
  while (a < oldEnd) {
    if (old[a] === GROUP_MARK) {
      a += GROUP_HEAD;
      continue;
    }
    if (added[b] === GROUP_MARK && b < addedEnd) {
      b += GROUP_HEAD;
      continue;
    }
    if (b >= addedEnd) return false;
    const length = readLength(old, a);
    if (readLength(added, b) !== length) return false;
    a = skipLength(old, a);
    b = skipLength(added, b);
    for (const end = a + length; a < end; a += 1, b += 1) if (old[a] !== added[b]) return false;
    a = skipLength(old, a) + readLength(old, a);
    b = skipLength(added, b) + readLength(added, b);
  }
  return true;
}

function hasSameTime(one: Uint8Array, at: number, other: Uint8Array, otherAt: number): boolean {
  for (let byte = 1; byte < GROUP_HEAD; byte += 1) if (one[at + byte] !== other[otherAt + byte]) return false;
  return true;
}

function latin1(packed: Uint8Array, start: number, end: number): string {
  let characters = '';
  for (let at = start; at < end; at += 1) characters += String.fromCharCode(packed[at]!);
  return characters;
}

function withRoom(full: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * full.length);
  larger.set(full);
  return larger;
}

const overlay = new Overlay();
