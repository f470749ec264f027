/**
 * Finds and decodes the cells of complete lines, a block at a time (contract section 6).
 *
 * One pass over the bytes writes them decoded, including delimiters, into one buffer, and records
 * where each cell ends, in bytes of the block and in characters of the text. The text is then made
 * in a single call, because one call per cell costs more than everything else.
 */

import { isUtf8 } from 'node:buffer';
import { LF } from '../wire/line-feed.ts';
import { hexValue, NOT_HEX } from './cell-text.ts';

const COMMA = 0x2c;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;

/** Facts about a cell, as bits. */
export const ENDS_LINE = 1;
export const BAD_ESCAPE = 2;
/** It had an escape or a `+`, so its text differs from the bytes in the file. */
export const WAS_ENCODED = 4;

const INITIAL_BYTES = 64 * 1024;

/** The cells of one block; overwritten by the next {@link scan}. */
export class CellScanner {
  count = 0;
  /** Where each cell ends in the block, without its delimiter. */
  rawEnds = new Int32Array(INITIAL_BYTES + 1);
  /** Where each cell ends in {@link text}, without its delimiter. */
  textEnds = new Int32Array(INITIAL_BYTES + 1);
  flags = new Uint8Array(INITIAL_BYTES + 1);
  /** The decoded block, with delimiters. */
  text = '';
  /** Whether the whole block is UTF-8; otherwise {@link text} and {@link textEnds} are invalid. */
  isText = true;
  #decoded: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);

  scan(block: Uint8Array): void {
    this.#makeRoom(block.length);
    const { rawEnds, textEnds, flags } = this;
    const decoded = this.#decoded;
    const length = block.length;
    let count = 0;
    let out = 0;
    let characters = 0;
    let flag = 0;
    let beyondAscii = false;
    for (let at = 0; at < length; at += 1) {
      let byte = block[at]!;
      if (byte === COMMA || byte === LF) {
        rawEnds[count] = at;
        textEnds[count] = characters;
        flags[count] = byte === LF ? flag | ENDS_LINE : flag;
        flag = 0;
        count += 1;
      } else if (byte === PLUS) {
        flag |= WAS_ENCODED;
        byte = SPACE;
      } else if (byte === PERCENT) {
        flag |= WAS_ENCODED;
        const value = hexValue(block, at);
        if (value === NOT_HEX) flag |= BAD_ESCAPE;
        else {
          byte = value;
          at += 2;
        }
      }
      decoded[out] = byte;
      out += 1;
      if (byte < 0x80) characters += 1;
      else {
        beyondAscii = true;
        // In UTF-16: nothing for a continuation byte, two units for a character of four bytes.
        if (byte >= 0xf0) characters += 2;
        else if (byte >= 0xc0) characters += 1;
      }
    }
    if (length > 0 && block[length - 1] !== LF) {
      rawEnds[count] = length;
      textEnds[count] = characters;
      flags[count] = flag | ENDS_LINE;
      count += 1;
    }
    this.count = count;
    this.#makeText(out, beyondAscii);
  }

  #makeText(length: number, beyondAscii: boolean): void {
    this.isText = !beyondAscii || isUtf8(this.#decoded.subarray(0, length));
    this.text = this.isText ? this.#decoded.toString(beyondAscii ? 'utf8' : 'latin1', 0, length) : '';
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#decoded.length) return;
    this.#decoded = Buffer.allocUnsafe(bytes);
    this.rawEnds = new Int32Array(bytes + 1);
    this.textEnds = new Int32Array(bytes + 1);
    this.flags = new Uint8Array(bytes + 1);
  }
}
