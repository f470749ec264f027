/**
 * The decoded text of one cell of a batch: percent-decoded, strict UTF-8 (contract section 6).
 *
 * Blanks around a cell (space, tab, CR) are removed before decoding, so `%20` and `+` at its ends
 * are part of the value. There is no quoting. Raw bytes above ASCII and escapes may be mixed;
 * together they must be UTF-8.
 */

import { isUtf8 } from 'node:buffer';

const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
const TAB = 0x09;
const CR = 0x0d;

/** What is wrong with a cell. Constants, because a file may have millions of such cells. */
export type CellProblem = 'bad-escape' | 'not-utf8';

/** A decoded cell, or what is wrong with it. */
export type CellText = { readonly text: string } | { readonly problem: CellProblem };

/** The description of a problem in a reason. */
export const CELL_PROBLEM_TEXT: Readonly<Record<CellProblem, string>> = {
  'bad-escape': 'has a % that is not followed by two hex digits (write %25 for a percent sign)',
  'not-utf8': 'is not UTF-8',
};

/** The value of each hex digit, 255 for other characters. */
const HEX = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit += 1) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** The result of {@link hexValue} for a `%` that does not start an escape. */
export const NOT_HEX = -1;

/** The byte that the escape at `at` stands for. */
export function hexValue(bytes: Uint8Array, at: number): number {
  if (at + 2 >= bytes.length) return NOT_HEX;
  const high = HEX[bytes[at + 1]!]!;
  const low = HEX[bytes[at + 2]!]!;
  return high === 255 || low === 255 ? NOT_HEX : high * 16 + low;
}

/** Whether a byte is removed from the ends of a cell. */
export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === CR;
}

/** The UTF-8 bytes of a byte-order mark. */
export const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];
const [MARK_1, MARK_2, MARK_3] = BYTE_ORDER_MARK;

/**
 * Skips byte-order marks at the start of a line, which are not part of it (contract section 6):
 * editors put one at the start of a file, and files are concatenated.
 *
 * @returns where the text of the line starts; `start` when there is no mark
 */
export function skipByteOrderMarks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at + 2 < end && bytes[at] === MARK_1 && bytes[at + 1] === MARK_2 && bytes[at + 2] === MARK_3)
    at += 3;
  return at;
}

/** Whether there are only blanks between two offsets. */
export function allBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if (!isBlank(bytes[at]!)) return false;
  }
  return true;
}

/**
 * Decodes a cell once, with `+` as a space.
 *
 * @param bytes contains the cell between `start` and `end`, without blanks around it
 */
export function decodeCell(bytes: Uint8Array, start: number, end: number): CellText {
  const decoded = scratchOf(end - start);
  let length = 0;
  let ascii = true;
  for (let at = start; at < end; at += 1) {
    let byte = bytes[at]!;
    if (byte === PLUS) byte = SPACE;
    else if (byte === PERCENT) {
      byte = at + 2 < end ? hexValue(bytes, at) : NOT_HEX;
      if (byte === NOT_HEX) return BAD_ESCAPE;
      at += 2;
    }
    if (byte >= 0x80) ascii = false;
    decoded[length] = byte;
    length += 1;
  }
  if (ascii) return { text: decoded.toString('latin1', 0, length) };
  if (!isUtf8(decoded.subarray(0, length))) return NOT_UTF8;
  return { text: decoded.toString('utf8', 0, length) };
}

const BAD_ESCAPE: CellText = { problem: 'bad-escape' };
const NOT_UTF8: CellText = { problem: 'not-utf8' };

/** Cells are decoded one after another and copied out as strings, so all share one buffer. */
function scratchOf(length: number): Buffer {
  return length <= scratch.length ? scratch : Buffer.allocUnsafe(length);
}
const scratch = Buffer.allocUnsafe(64 * 1024);
