/**
 * The rows of a step in the form that this engine writes: each row's id and its packed attributes,
 * ready to be copied into a record. All rows are in one buffer ({@link PackedRows.bytes});
 * {@link PackedRows.spans} contains the offsets.
 */

import {
  GROUP_HEAD,
  listAttributes,
  listState,
  MAX_LENGTH_BYTES,
  packedName,
  packSettings,
  putPlainValue,
  putValue,
  writeGroupHead,
} from '../../domain/attributes.ts';
import { copyBytes } from '../../domain/copy-bytes.ts';
import type { IdKind } from '../../domain/visitor-id.ts';
import type { BatchRows, RowCollector, RowUpdate } from '../batch-rows.ts';

/** How many numbers {@link PackedRows.spans} has per row. The constants below are their indexes. */
export const SPAN = 10;
/** The line number in the file. */
const LINE = 0;
/** Where the row is in the file: the offset of its first byte, and of the first byte after it. */
const FILE_START = 1;
const FILE_NEXT = 2;
/**
 * The id as it is in the file. This and all that follow are offsets in {@link PackedRows.bytes};
 * ends are exclusive.
 */
const RAW_START = 3;
const RAW_END = 4;
/** The id without a location hint. */
export const ID_START = 5;
export const ID_END = 6;
/** The packed attributes. */
export const ATTRIBUTES_START = 7;
export const ATTRIBUTES_END = 8;
/** The number of rows of the step up to this one, including skipped and failed ones. */
const NTH = 9;

const NO_SETTINGS: ReadonlyMap<string, string> = new Map();
const FIRST_ROWS = 64;
const FIRST_BYTES = 16 * 1024;
/** The most bytes that one byte of a value becomes: a control character as \u0000. */
const LONGEST_ESCAPE = 6;

export class PackedRows implements RowCollector {
  readonly kind: IdKind;
  at = 0;
  length = 0;
  /**
   * Whether the position of each row in the step is known, so that a part of the step can be
   * applied.
   */
  knowsPlaces = true;
  /** Whether any row sets visitor state. */
  hasState = false;
  bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  /** {@link SPAN} numbers per row. */
  spans: Int32Array = new Int32Array(FIRST_ROWS * SPAN);
  /** What precedes the value of each column, except its length. */
  readonly #names: readonly Buffer[];
  /** What precedes the attributes of a row. */
  readonly #groupHead: Buffer = Buffer.alloc(GROUP_HEAD);
  /** The number of bytes used by completed rows. */
  #end = 0;
  /** Where the rest of the current row is written. */
  #to = 0;
  #idEnd = 0;
  #rawStart = 0;
  #rawEnd = 0;
  #attributesStart = 0;

  /** @param columns the attribute names; {@link addValue} refers to them by index */
  constructor(kind: IdKind, columns: readonly string[]) {
    this.kind = kind;
    this.#names = columns.map(packedName);
  }

  /** The rows in packed form; the same object if they are packed already. */
  static of(rows: BatchRows): PackedRows {
    if (rows instanceof PackedRows) return rows;
    const packed = new PackedRows(rows.kind, []);
    packed.clear(rows.at);
    for (const row of rows) packed.add(row);
    return packed;
  }

  get size(): number {
    return this.#end;
  }

  clear(at: number): void {
    this.at = at;
    this.knowsPlaces = true;
    this.hasState = false;
    this.length = 0;
    this.#end = 0;
    writeGroupHead(this.#groupHead, 0, at);
  }

  add({ id, rawId, settings, state, line, start, next, nth }: RowUpdate): void {
    if (nth === undefined) this.knowsPlaces = false;
    const value = Buffer.from(id.value);
    this.startRow(value, 0, value.length);
    if (rawId !== id.value) {
      const raw = Buffer.from(rawId);
      this.rawId(raw, 0, raw.length);
    }
    for (const [name, setting] of settings) {
      const bytes = Buffer.from(setting);
      this.#addValue(packedName(name), bytes, 0, bytes.length, false);
    }
    if (state !== undefined) {
      this.hasState = true;
      const packed = packSettings(NO_SETTINGS, this.at, state);
      this.#makeRoom(this.#to, packed.length);
      this.#to = copyBytes(this.bytes, this.#to, packed, GROUP_HEAD, packed.length);
    }
    if (this.#to === this.#attributesStart + GROUP_HEAD) this.#to = this.#attributesStart;
    this.endRow(line, start, next, nth ?? 0);
  }

  startRow(from: Buffer, start: number, end: number): void {
    const at = this.#end;
    this.#makeRoom(at, end - start + GROUP_HEAD);
    this.#rawStart = at;
    this.#idEnd = copyBytes(this.bytes, at, from, start, end);
    this.#rawEnd = this.#idEnd;
    this.#startAttributes(this.#idEnd);
  }

  rawId(from: Buffer, start: number, end: number): void {
    const at = this.#idEnd;
    this.#makeRoom(at, end - start + GROUP_HEAD);
    this.#rawStart = at;
    this.#rawEnd = copyBytes(this.bytes, at, from, start, end);
    this.#startAttributes(this.#rawEnd);
  }

  addValue(column: number, from: Buffer, start: number, end: number, isPlain: boolean): void {
    this.#addValue(this.#names[column]!, from, start, end, isPlain);
  }

  endRow(line: number, start: number, next: number, nth: number): void {
    const first = this.length * SPAN;
    if (first === this.spans.length) this.#makeRoomForSpans();
    const { spans } = this;
    spans[first + LINE] = line;
    spans[first + FILE_START] = start;
    spans[first + FILE_NEXT] = next;
    spans[first + RAW_START] = this.#rawStart;
    spans[first + RAW_END] = this.#rawEnd;
    spans[first + ID_START] = this.#end;
    spans[first + ID_END] = this.#idEnd;
    spans[first + ATTRIBUTES_START] = this.#attributesStart;
    spans[first + ATTRIBUTES_END] = this.#to;
    spans[first + NTH] = nth;
    this.#end = this.#to;
    this.length += 1;
  }

  /** The position in the file after a row, and the number of rows of the step up to it. */
  placeAfter(index: number): { readonly line: number; readonly offset: number; readonly nth: number } {
    const span = index * SPAN;
    const { spans } = this;
    return {
      line: spans[span + LINE]! + 1,
      offset: spans[span + FILE_NEXT]!,
      nth: spans[span + NTH]!,
    };
  }

  /** One row as a plain object. */
  row(index: number): RowUpdate {
    const place = (which: number) => this.spans[index * SPAN + which]!;
    const text = (start: number, end: number) => this.bytes.toString('utf8', start, end);
    const value = text(place(ID_START), place(ID_END));
    const packed = this.bytes.subarray(place(ATTRIBUTES_START), place(ATTRIBUTES_END));
    const attributes = listAttributes(packed);
    return {
      line: place(LINE),
      start: place(FILE_START),
      next: place(FILE_NEXT),
      rawId: text(place(RAW_START), place(RAW_END)),
      id: { kind: this.kind, value },
      settings: new Map(attributes.map((attribute) => [attribute.name, attribute.value])),
      ...(this.hasState && { state: new Map(listState(packed).map((entry) => [entry.name, entry.value])) }),
      ...(this.knowsPlaces && { nth: place(NTH) }),
    };
  }

  *[Symbol.iterator](): Generator<RowUpdate, void, undefined> {
    for (let index = 0; index < this.length; index += 1) yield this.row(index);
  }

  #startAttributes(at: number): void {
    this.#attributesStart = at;
    this.#to = copyBytes(this.bytes, at, this.#groupHead, 0, GROUP_HEAD);
  }

  #addValue(name: Buffer, from: Buffer, start: number, end: number, isPlain: boolean): void {
    const most = isPlain ? end - start : LONGEST_ESCAPE * (end - start);
    this.#makeRoom(this.#to, name.length + MAX_LENGTH_BYTES + most);
    const { bytes } = this;
    const at = copyBytes(bytes, this.#to, name, 0, name.length);
    this.#to = isPlain ? putPlainValue(bytes, at, from, start, end) : putValue(bytes, at, from, start, end);
  }

  /** Ensures that so many bytes fit after `at`; {@link bytes} may be another buffer afterwards. */
  #makeRoom(at: number, bytes: number): void {
    if (at + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(at + bytes, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, at));
    this.bytes = larger;
  }

  #makeRoomForSpans(): void {
    const larger = new Int32Array(2 * this.spans.length);
    larger.set(this.spans);
    this.spans = larger;
  }
}
