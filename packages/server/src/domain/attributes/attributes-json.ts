/**
 * Serializes packed attributes in one pass: for a fetch (contract section 4), the hot path of the
 * whole server, and for an export (contract section 21).
 */

import { FEW_BYTES } from '../copy-bytes.ts';
import { readTime } from '../time-bytes.ts';
import { isStateByte } from '../visitor-state.ts';
import { GROUP_HEAD, GROUP_MARK, readLength, skipLength } from './packed-attributes.ts';

/** How attributes are written. The time in `toNext` is replaced by that of each attribute. */
interface Form {
  /** Up to the first name. */
  readonly open: string;
  /** Between a name and the first byte of its value. */
  readonly toValue: string;
  /** From the end of a value to the first byte of the next name. */
  readonly toNext: string;
  /** The end of `toNext` that is too much after the last attribute; `close` replaces it. */
  readonly surplus: string;
  readonly close: string;
}

const OBJECT: Form = {
  open: '{"',
  toValue: '":{"value":"',
  toNext: '","modifiedAt":"2026-07-31T14:26:30.879+00:00"},"',
  surplus: ',"',
  close: '}',
};
const LIST: Form = {
  open: '[{"name":"',
  toValue: '","value":"',
  toNext: '","modifiedAt":"2026-07-31T14:26:30.879Z"},{"name":"',
  surplus: ',{"name":"',
  close: ']',
};
const TIME_AT = '","modifiedAt":"'.length;

const DAY_MS = 86_400_000;
/**
 * The number of cached days, as `2026-07-31T` in bytes; limited, so that a faulty clock cannot fill
 * the memory.
 */
const MAX_DAYS = 1000;

/**
 * Writes `{"country":{"value":"france","modifiedAt":"2026-07-31T14:26:30.879+00:00"},…}`, oldest
 * first, without blanks. Visitor state is left out.
 *
 * @param bytes contains the packed attributes from `start` to `end`
 */
export function attributesJson(bytes: Uint8Array, start: number, end: number): string {
  return objectWriter.write(bytes, start, end);
}

/**
 * Writes `[{"name":"country","value":"france","modifiedAt":"2026-07-31T14:26:30.879Z"},…]`, as an
 * export shows attributes, in the same way.
 */
export function attributesListJson(bytes: Uint8Array, start: number, end: number): string {
  return listWriter.write(bytes, start, end);
}

/** Writes texts one after another in reused memory. */
class JsonWriter {
  /** Where the text is assembled; it grows to the longest text. */
  #text = Buffer.allocUnsafe(64 * 1024);
  /** All bits of the names and values of the current text; below 0x80 the text is ASCII. */
  #seen = 0;
  readonly #toValue: Buffer;
  readonly #toNext: Buffer;
  readonly #openLength: number;
  readonly #surplus: number;
  readonly #close: number;
  readonly #empty: string;
  /** The time that {@link #toNext} currently contains. */
  #time = Number.NaN;
  readonly #days = new Map<number, Buffer>();

  constructor({ open, toValue, toNext, surplus, close }: Form) {
    this.#toValue = Buffer.from(toValue);
    this.#toNext = Buffer.from(toNext);
    // Nothing overwrites the beginning of the text, so it is written once.
    this.#openLength = this.#text.write(open);
    this.#surplus = surplus.length;
    this.#close = close.charCodeAt(0);
    this.#empty = open[0] + close;
  }

  write(bytes: Uint8Array, start: number, end: number): string {
    if (start === end) return this.#empty;
    const toValue = this.#toValue;
    const toNext = this.#toNext;
    let out = this.#text;
    let length = this.#openLength;
    this.#seen = 0;
    for (let at = start; at < end; ) {
      if (bytes[at] === GROUP_MARK) {
        this.#setTime(readTime(bytes, at + 1));
        at += GROUP_HEAD;
        continue;
      }
      const nameStart = skipLength(bytes, at);
      const nameEnd = nameStart + readLength(bytes, at);
      const valueStart = skipLength(bytes, nameEnd);
      const valueEnd = valueStart + readLength(bytes, nameEnd);
      if (isStateByte(bytes[nameStart]!)) {
        at = valueEnd;
        continue;
      }
      if (length + valueEnd - at + toValue.length + toNext.length > out.length) {
        out = this.#withRoom(valueEnd - at);
      }
      length = this.#copyText(out, length, bytes, nameStart, nameEnd);
      out.set(toValue, length);
      length = this.#copyText(out, length + toValue.length, bytes, valueStart, valueEnd);
      out.set(toNext, length);
      length += toNext.length;
      at = valueEnd;
    }
    if (length === this.#openLength) return this.#empty;
    length -= this.#surplus;
    out[length] = this.#close;
    return out.toString(this.#seen < 0x80 ? 'latin1' : 'utf8', 0, length + 1);
  }

  /**
   * Copies a name or a value.
   * @returns where it ends in `out`
   */
  #copyText(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
    if (end - start > FEW_BYTES) {
      out.set(bytes.subarray(start, end), at);
      // Not examined byte by byte, so it may contain anything.
      this.#seen |= 0x80;
      return at + end - start;
    }
    let seen = 0;
    for (let index = start; index < end; index += 1) {
      const byte = bytes[index]!;
      seen |= byte;
      out[at + index - start] = byte;
    }
    this.#seen |= seen;
    return at + end - start;
  }

  #setTime(time: number): void {
    if (time === this.#time) return;
    this.#time = time;
    const toNext = this.#toNext;
    const day = Math.floor(time / DAY_MS);
    toNext.set(this.#days.get(day) ?? this.#noteDay(day), TIME_AT);
    let left = time - day * DAY_MS;
    const millisecond = left % 1000;
    left = (left - millisecond) / 1000;
    const second = left % 60;
    left = (left - second) / 60;
    const minute = left % 60;
    const at = TIME_AT + '2026-07-31T'.length;
    writeDigits(toNext, at, (left - minute) / 60);
    writeDigits(toNext, at + 3, minute);
    writeDigits(toNext, at + 6, second);
    toNext[at + 9] = 0x30 + Math.floor(millisecond / 100);
    writeDigits(toNext, at + 10, millisecond % 100);
  }

  /** Formatting a date takes longer than the rest of an entry, and many entries share a day. */
  #noteDay(day: number): Buffer {
    if (this.#days.size >= MAX_DAYS) this.#days.clear();
    const noted = Buffer.from(new Date(day * DAY_MS).toISOString().slice(0, '2026-07-31T'.length));
    this.#days.set(day, noted);
    return noted;
  }

  #withRoom(more: number): Buffer<ArrayBuffer> {
    const larger = Buffer.allocUnsafe(2 * (this.#text.length + more));
    larger.set(this.#text);
    this.#text = larger;
    return larger;
  }
}

function writeDigits(target: Uint8Array, at: number, number: number): void {
  const tens = Math.floor(number / 10);
  target[at] = 0x30 + tens;
  target[at + 1] = 0x30 + number - 10 * tens;
}

const objectWriter = new JsonWriter(OBJECT);
const listWriter = new JsonWriter(LIST);
