/**
 * The byte format of changes. The changes of one transaction are stored together in blocks, because
 * a value of the engine has more overhead than a change.
 *
 *   A block:   u8 format, u32 number of changes, u48 time of the last one, then the changes
 *   A change:  u24 length of the rest, u8 type (bit 7: same names as the change before; 0: erased),
 *              u8 channel, u48 time, length and key of the id (`lmdb-keys.ts`), u8 number of other
 *              ids, length and key of each, then length and name of each attribute, encoded as in
 *              packed attributes
 *
 * An erased change keeps only its position.
 */

import {
  GROUP_HEAD,
  GROUP_MARK,
  JSON_ESCAPES,
  packedName,
  readLength,
  skipLength,
} from '../../domain/attributes.ts';
import { CHANGE_CHANNELS, CHANGE_TYPES, type Change } from '../../domain/change.ts';
import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import { parseKey } from './lmdb-keys.ts';
import { damaged } from './record-entry.ts';

const FORMAT = 1;
const COUNT_AT = 1;
const LAST_AT = 5;
/** Where the changes of a block start. */
const BLOCK_HEAD = LAST_AT + TIME_BYTES;
/** A block that has reached this size is closed. */
const BLOCK_BYTES = 32 * 1024;
const LENGTH_BYTES = 3;
const AT = LENGTH_BYTES + 2;
const KEY_AT = AT + TIME_BYTES;
const SAME_NAMES = 0x80;
const ERASED = 0;

/** A key in memory. */
interface KeyBytes {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Collects the changes of one transaction. */
export class ChangeBlocks {
  #bytes: Buffer = Buffer.allocUnsafe(4 * BLOCK_BYTES);
  #end = 0;
  /** Where each block starts. */
  #starts: number[] = [];
  #counts: number[] = [];
  #lastAt = 0;
  #namesStart = 0;
  #namesEnd = 0;

  get isEmpty(): boolean {
    return this.#starts.length === 0;
  }

  clear(): void {
    this.#end = 0;
    this.#starts.length = 0;
    this.#counts.length = 0;
  }

  /** The collected blocks, and the number of changes in each. */
  *blocks(): Generator<{ readonly block: Buffer; readonly count: number }> {
    for (const [index, start] of this.#starts.entries()) {
      yield {
        block: this.#bytes.subarray(start, this.#starts[index + 1] ?? this.#end),
        count: this.#counts[index]!,
      };
    }
  }

  /**
   * Adds a change.
   * @param key of its id
   * @param others keys of its other ids
   */
  add(
    { type, channel, at, attributes }: Omit<Change, 'id' | 'ids'>,
    key: KeyBytes,
    others: readonly Buffer[],
  ): void {
    let room = key.length;
    for (const other of others) room += other.length + LENGTH_BYTES;
    // A JSON escape takes at most six bytes, and a UTF-16 unit at most three bytes of UTF-8.
    for (const name of attributes) room += 6 * name.length + LENGTH_BYTES;
    const start = this.#begin(
      CHANGE_TYPES.indexOf(type) + 1,
      CHANGE_CHANNELS.indexOf(channel),
      at,
      key,
      room,
    );
    this.#bytes[this.#end++] = others.length;
    for (const other of others) this.#addSized(other, other.length);
    const namesStart = this.#end;
    for (const name of attributes) this.#addName(name);
    this.#finish(start, namesStart);
  }

  #addName(name: string): void {
    const bytes = this.#bytes;
    const start = this.#end + 1;
    if (name.length < 0x80) {
      let at = 0;
      for (; at < name.length; at += 1) {
        const code = name.charCodeAt(at);
        if (code >= 0x80 || JSON_ESCAPES[code] !== undefined) break;
        bytes[start + at] = code;
      }
      if (at === name.length) {
        bytes[this.#end] = name.length;
        this.#end = start + name.length;
        return;
      }
    }
    const packed = packedName(name);
    packed.copy(bytes, this.#end);
    this.#end += packed.length;
  }

  /**
   * Adds a change whose names are those of packed attributes in other bytes, without creating
   * objects or strings.
   */
  addPacked(
    { type, channel, at }: Pick<Change, 'type' | 'channel' | 'at'>,
    key: KeyBytes,
    packed: Uint8Array,
    packedStart: number,
    packedEnd: number,
  ): void {
    const room = key.length + packedEnd - packedStart;
    const start = this.#begin(
      CHANGE_TYPES.indexOf(type) + 1,
      CHANGE_CHANNELS.indexOf(channel),
      at,
      key,
      room,
    );
    const bytes = this.#bytes;
    bytes[this.#end++] = 0;
    const namesStart = this.#end;
    let end = namesStart;
    for (let entry = packedStart; entry < packedEnd; ) {
      if (packed[entry] === GROUP_MARK) {
        entry += GROUP_HEAD;
        continue;
      }
      const nameEnd = skipLength(packed, entry) + readLength(packed, entry);
      for (; entry < nameEnd; entry += 1) bytes[end++] = packed[entry]!;
      entry = skipLength(packed, nameEnd) + readLength(packed, nameEnd);
    }
    this.#end = end;
    this.#finish(start, namesStart);
  }

  #begin(type: number, channel: number, at: number, key: KeyBytes, room: number): number {
    const open = this.#starts.at(-1);
    const most = this.#end + BLOCK_HEAD + KEY_AT + 2 * LENGTH_BYTES + room;
    if (most > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * most);
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    if (open === undefined || this.#end - open >= BLOCK_BYTES) this.#beginBlock();
    const bytes = this.#bytes;
    const start = this.#end;
    bytes[start + LENGTH_BYTES] = type;
    bytes[start + LENGTH_BYTES + 1] = channel;
    writeTime(bytes, at, start + AT);
    this.#lastAt = at;
    this.#end = start + KEY_AT;
    this.#addSized(key.bytes, key.length);
    return start;
  }

  #beginBlock(): void {
    this.#starts.push(this.#end);
    this.#counts.push(0);
    this.#bytes[this.#end] = FORMAT;
    this.#end += BLOCK_HEAD;
    this.#namesStart = this.#namesEnd = this.#end;
  }

  #addSized(from: Uint8Array, length: number): void {
    const bytes = this.#bytes;
    let end = this.#end;
    if (length < 0x80) bytes[end++] = length;
    else {
      bytes[end++] = (length & 0x7f) | 0x80;
      bytes[end++] = length >>> 7;
    }
    for (let at = 0; at < length; at += 1) bytes[end + at] = from[at]!;
    this.#end = end + length;
  }

  /** Omits names that are the same as in the change before, and writes the length. */
  #finish(start: number, namesStart: number): void {
    const bytes = this.#bytes;
    if (this.#hasSameNames(namesStart)) {
      bytes[start + LENGTH_BYTES]! |= SAME_NAMES;
      this.#end = namesStart;
    } else {
      this.#namesStart = namesStart;
      this.#namesEnd = this.#end;
    }
    const length = this.#end - start - LENGTH_BYTES;
    bytes[start] = length >>> 16;
    bytes[start + 1] = length >>> 8;
    bytes[start + 2] = length;
    const block = this.#starts.at(-1)!;
    const count = this.#counts.at(-1)! + 1;
    this.#counts[this.#counts.length - 1] = count;
    bytes.writeUInt32BE(count, block + COUNT_AT);
    writeTime(bytes, this.#lastAt, block + LAST_AT);
  }

  #hasSameNames(start: number): boolean {
    const length = this.#end - start;
    if (length === 0 || length !== this.#namesEnd - this.#namesStart) return false;
    const bytes = this.#bytes;
    for (let at = 0; at < length; at += 1)
      if (bytes[start + at] !== bytes[this.#namesStart + at]) return false;
    return true;
  }
}

/** The number of changes in a block. */
export function countOf(block: Buffer): number {
  if (block[0] !== FORMAT) throw damaged('a block of changes is not as it was written');
  return block.readUInt32BE(COUNT_AT);
}

/** The time of the last change in a block, in epoch milliseconds. */
export function lastAtOf(block: Buffer): number {
  return readTime(block, LAST_AT);
}

/** A change in a block; undefined if it was erased. */
export type ChangeOfBlock = (Change & { readonly client: string }) | undefined;

/** Where the changes of a block are. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly type: number;
  /** Where the names of the change are, in this change or an earlier one. */
  readonly namesStart: number;
  readonly namesEnd: number;
}

function* spansOf(block: Buffer, length: number): Generator<Span> {
  let namesStart = 0;
  let namesEnd = 0;
  const count = countOf(block);
  let start = BLOCK_HEAD;
  for (let index = 0; index < count; index += 1) {
    const end = start + LENGTH_BYTES + block.readUIntBE(start, LENGTH_BYTES);
    if (!(end <= length)) throw damaged('a block of changes is cut short');
    const type = block[start + LENGTH_BYTES]!;
    if (type !== ERASED && (type & SAME_NAMES) === 0) {
      let own = skipSized(block, start + KEY_AT);
      for (let left = block[own++]!; left > 0; left -= 1) own = skipSized(block, own);
      namesStart = own;
      namesEnd = end;
    }
    yield { start, end, type, namesStart, namesEnd };
    start = end;
  }
}

/**
 * The changes of a block after the first `skipped`.
 * @param length the length of the block in the buffer
 */
export function* changesOfBlock(block: Buffer, length: number, skipped = 0): Generator<ChangeOfBlock> {
  let index = 0;
  for (const span of spansOf(block, length)) {
    if (index++ < skipped) continue;
    yield span.type === ERASED ? undefined : decoded(block, span);
  }
}

function decoded(block: Buffer, { start, type, namesStart, namesEnd }: Span): ChangeOfBlock {
  const { client, id } = parseKey(keyAt(block, start + KEY_AT));
  const ids = [];
  let at = skipSized(block, start + KEY_AT);
  for (let left = block[at++]!; left > 0; left -= 1) {
    ids.push(parseKey(keyAt(block, at)).id!);
    at = skipSized(block, at);
  }
  const attributes: string[] = [];
  for (let name = namesStart; name < namesEnd; name = skipSized(block, name)) {
    const text = block.toString('utf8', skipLength(block, name), skipSized(block, name));
    attributes.push(text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text);
  }
  return {
    client,
    type: CHANGE_TYPES[(type & ~SAME_NAMES) - 1]!,
    channel: CHANGE_CHANNELS[block[start + LENGTH_BYTES + 1]!]!,
    at: readTime(block, start + AT),
    id: id!,
    attributes,
    ids,
  };
}

function skipSized(block: Buffer, at: number): number {
  return skipLength(block, at) + readLength(block, at);
}

function keyAt(block: Buffer, at: number): Buffer {
  return block.subarray(skipLength(block, at), skipSized(block, at));
}

/**
 * A block without the changes that name one of these keys.
 *
 * @param block a buffer of exactly its length
 * @returns undefined when no change names one
 */
export function withoutChangesOf(
  block: Buffer,
  isNamed: (key: Buffer) => boolean,
): { readonly block: Buffer; readonly erased: number } | undefined {
  const spans = [...spansOf(block, block.length)];
  const isErased = spans.map(({ start, type }) => {
    if (type === ERASED) return false;
    if (isNamed(keyAt(block, start + KEY_AT))) return true;
    let at = skipSized(block, start + KEY_AT);
    for (let left = block[at++]!; left > 0; left -= 1) {
      if (isNamed(keyAt(block, at))) return true;
      at = skipSized(block, at);
    }
    return false;
  });
  const erased = isErased.filter(Boolean).length;
  if (erased === 0) return undefined;
  const parts: Buffer[] = [block.subarray(0, BLOCK_HEAD)];
  let hasNames = true;
  for (const [index, { start, end, type, namesStart, namesEnd }] of spans.entries()) {
    if (isErased[index] || type === ERASED) {
      parts.push(Buffer.from([0, 0, 1, ERASED]));
      // The next change that shares the names of a removed one gets its own copy.
      hasNames = false;
    } else if ((type & SAME_NAMES) !== 0 && !hasNames) {
      const own = Buffer.concat([block.subarray(start, end), block.subarray(namesStart, namesEnd)]);
      own.writeUIntBE(own.length - LENGTH_BYTES, 0, LENGTH_BYTES);
      own[LENGTH_BYTES]! &= ~SAME_NAMES;
      parts.push(own);
      hasNames = true;
    } else {
      parts.push(block.subarray(start, end));
      hasNames = true;
    }
  }
  return { block: Buffer.concat(parts), erased };
}
