/** The attributes as a fetch sends them (contract section 4), made of packed ones in one pass: the hot path of the whole server. */

import { FEW_BYTES } from './copy-bytes.ts';
import { GROUP_HEAD, GROUP_MARK, readLength, skipLength } from './packed-attributes.ts';
import { readTime } from './time-bytes.ts';
import { isStateByte } from './visitor-state.ts';

/** Between a name and the first byte of its value. */
const TO_VALUE = Buffer.from('":{"value":"');
/** From behind a value to the first byte of the next name, with room for the time. */
const TO_NEXT = Buffer.from('","modifiedAt":"2026-07-31T14:26:30.879+00:00"},"');
const TIME_AT = '","modifiedAt":"'.length;

const DAY = 86_400_000;
/** Days seen, as `2026-07-31T` in bytes; this many, so that no clock that runs wild fills the memory. */
const MAX_DAYS = 1000;
const days = new Map<number, Buffer>();

/** Where the text is put together; it grows to the largest that was asked for. */
let text = Buffer.allocUnsafe(64 * 1024);
/** The time that {@link TO_NEXT} bears at present. */
let timeOfNext = Number.NaN;

/**
 * Writes `{"country":{"value":"france","modifiedAt":"2026-07-31T14:26:30.879+00:00"},…}`, oldest first, no blanks.
 *
 * The state of the visitor that lies between them is left out.
 *
 * @param bytes has the packed attributes from `start` to `end`
 */
export function attributesJson(bytes: Uint8Array, start: number, end: number): string {
  if (start === end) return '{}';
  let out = text;
  out[0] = 0x7b;
  out[1] = 0x22;
  let length = 2;
  seen = 0;
  for (let at = start; at < end; ) {
    if (bytes[at] === GROUP_MARK) {
      setTimeOfNext(readTime(bytes, at + 1));
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
    if (length + valueEnd - at + TO_VALUE.length + TO_NEXT.length > out.length) out = withRoom(valueEnd - at);
    length = copyText(out, length, bytes, nameStart, nameEnd);
    out.set(TO_VALUE, length);
    length = copyText(out, length + TO_VALUE.length, bytes, valueStart, valueEnd);
    out.set(TO_NEXT, length);
    length += TO_NEXT.length;
    at = valueEnd;
  }
  if (length === 2) return '{}';
  // Behind the last one stand a comma and a quote too many.
  out[length - 2] = 0x7d;
  return out.toString(seen < 0x80 ? 'latin1' : 'utf8', 0, length - 1);
}

/** All bits of the names and values that the text at hand has; below 0x80 it is ASCII. */
let seen = 0;

/** Copies a name or a value. @returns where it ends in `out` */
function copyText(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start > FEW_BYTES) {
    out.set(bytes.subarray(start, end), at);
    // Not looked at byte by byte, so it may hold anything.
    seen |= 0x80;
  } else {
    for (let index = start; index < end; index += 1) {
      const byte = bytes[index]!;
      seen |= byte;
      out[at + index - start] = byte;
    }
  }
  return at + end - start;
}

function setTimeOfNext(time: number): void {
  if (time === timeOfNext) return;
  timeOfNext = time;
  const day = Math.floor(time / DAY);
  TO_NEXT.set(days.get(day) ?? noteDay(day), TIME_AT);
  let left = time - day * DAY;
  const millisecond = left % 1000;
  left = (left - millisecond) / 1000;
  const second = left % 60;
  left = (left - second) / 60;
  const minute = left % 60;
  const at = TIME_AT + '2026-07-31T'.length;
  writeDigits(at, (left - minute) / 60);
  writeDigits(at + 3, minute);
  writeDigits(at + 6, second);
  TO_NEXT[at + 9] = 0x30 + Math.floor(millisecond / 100);
  writeDigits(at + 10, millisecond % 100);
}

/** To format a date takes longer than all the rest of an entry; its day is the same for a great many. */
function noteDay(day: number): Buffer {
  if (days.size >= MAX_DAYS) days.clear();
  const noted = Buffer.from(new Date(day * DAY).toISOString().slice(0, '2026-07-31T'.length));
  days.set(day, noted);
  return noted;
}

function writeDigits(at: number, number: number): void {
  const tens = Math.floor(number / 10);
  TO_NEXT[at] = 0x30 + tens;
  TO_NEXT[at + 1] = 0x30 + number - 10 * tens;
}

function withRoom(more: number): typeof text {
  const larger = Buffer.allocUnsafe(2 * (text.length + more));
  larger.set(text);
  text = larger;
  return larger;
}
