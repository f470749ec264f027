/**
 * The rows of a step, packed: a batch has half a million of them, and an object with a map for each would cost more than the rest.
 *
 * For an engine that does not want bytes they are plain rows to iterate over:
 *
 * ```
 * for (const { id, settings } of step.updates) …
 * ```
 *
 * For one that does, each row lies in {@link BatchRows.bytes}: its id, and its packed attributes, whose time is {@link BatchRows.at}.
 * {@link BatchRows.spans} says where.
 */

import { type AttributeSettings, listAttributes, packSettings } from '../domain/attributes.ts';
import type { IdKind, VisitorId } from '../domain/visitor-id.ts';

/** A row to apply, as iterating over the `updates` of a step gives it. */
export interface RowUpdate {
  readonly line: number;
  readonly rawId: string;
  readonly id: VisitorId;
  readonly settings: AttributeSettings;
  readonly start: number;
  readonly next: number;
  /** How many rows of the step there are up to this one, skipped and failed ones too; unknown when it is left out. */
  readonly nth?: number;
}

/** How many numbers {@link BatchRows.spans} holds for a row; what follows are their places. */
export const SPAN = 10;
/** The line of the file. */
export const LINE = 0;
/** Where the row lies in the file: its first byte, and the first after it. */
export const FILE_START = 1;
export const FILE_NEXT = 2;
/** The id as the file has it; this and all that follows are places in {@link BatchRows.bytes}, the end not included. */
export const RAW_START = 3;
export const RAW_END = 4;
/** The id, without a location hint. */
export const ID_START = 5;
export const ID_END = 6;
/** The packed attributes. */
export const ATTRIBUTES_START = 7;
export const ATTRIBUTES_END = 8;
/** How many rows of the step there are up to this one, skipped and failed ones too. */
export const NTH = 9;

const FIRST_ROWS = 64;
const FIRST_BYTES = 16 * 1024;

export class BatchRows implements Iterable<RowUpdate> {
  /** The kind of every row's id. */
  readonly kind: IdKind;
  /** The time that the attributes bear, in epoch milliseconds. */
  at = 0;
  length = 0;
  /** Whether of each row its place in the step is known, so that a part of the step can be applied. */
  knowsPlaces = true;
  bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  /** How many of the bytes are in use. */
  end = 0;
  /** {@link SPAN} numbers a row. */
  spans: Int32Array = new Int32Array(FIRST_ROWS * SPAN);

  constructor(kind: IdKind) {
    this.kind = kind;
  }

  /** Packs plain rows, whose ids must be of one kind; what iterating gives is what was packed. */
  static of(updates: readonly RowUpdate[], at: number): BatchRows {
    const rows = new BatchRows(updates[0]?.id.kind ?? 'tntId');
    rows.at = at;
    for (const update of updates) rows.add(update);
    return rows;
  }

  /** Adds a plain row. */
  add({ id, rawId, settings, line, start, next, nth }: RowUpdate): void {
    if (nth === undefined) this.knowsPlaces = false;
    const attributes = packSettings(settings, this.at);
    this.makeRoom(Buffer.byteLength(rawId) + Buffer.byteLength(id.value) + attributes.length);
    const { bytes, end: rawStart } = this;
    const rawEnd = rawStart + bytes.write(rawId, rawStart, 'utf8');
    const idEnd = rawEnd + bytes.write(id.value, rawEnd, 'utf8');
    const attributesEnd = idEnd + attributes.copy(bytes, idEnd);
    this.addSpans(line, start, next, rawStart, rawEnd, rawEnd, idEnd, idEnd, attributesEnd, nth ?? 0);
  }

  /** Adds a row that was written behind {@link end}. */
  addSpans(
    line: number,
    start: number,
    next: number,
    rawStart: number,
    rawEnd: number,
    idStart: number,
    idEnd: number,
    attributesStart: number,
    attributesEnd: number,
    nth: number,
  ): void {
    const first = this.length * SPAN;
    if (first === this.spans.length) this.#makeRoomForSpans();
    const { spans } = this;
    spans[first + LINE] = line;
    spans[first + FILE_START] = start;
    spans[first + FILE_NEXT] = next;
    spans[first + RAW_START] = rawStart;
    spans[first + RAW_END] = rawEnd;
    spans[first + ID_START] = idStart;
    spans[first + ID_END] = idEnd;
    spans[first + ATTRIBUTES_START] = attributesStart;
    spans[first + ATTRIBUTES_END] = attributesEnd;
    spans[first + NTH] = nth;
    this.end = Math.max(attributesEnd, rawEnd);
    this.length += 1;
  }

  /** Makes sure that so many bytes fit behind {@link end}; {@link bytes} may be another buffer afterwards. */
  makeRoom(bytes: number): void {
    if (this.end + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.end + bytes, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.end));
    this.bytes = larger;
  }

  /** Empties it, to be filled anew in the same memory. */
  clear(at: number): void {
    this.at = at;
    this.knowsPlaces = true;
    this.length = 0;
    this.end = 0;
  }

  /** The place in the file behind a row, and how many rows of the step there are up to it. */
  placeAfter(index: number): { readonly line: number; readonly offset: number; readonly nth: number } {
    const span = index * SPAN;
    const { spans } = this;
    return {
      line: spans[span + LINE]! + 1,
      offset: spans[span + FILE_NEXT]!,
      nth: spans[span + NTH]!,
    };
  }

  /** One row as a plain one. */
  row(index: number): RowUpdate {
    const place = (which: number) => this.spans[index * SPAN + which]!;
    const text = (start: number, end: number) => this.bytes.toString('utf8', start, end);
    const value = text(place(ID_START), place(ID_END));
    const attributes = listAttributes(this.bytes.subarray(place(ATTRIBUTES_START), place(ATTRIBUTES_END)));
    return {
      line: place(LINE),
      start: place(FILE_START),
      next: place(FILE_NEXT),
      rawId: text(place(RAW_START), place(RAW_END)),
      id: { kind: this.kind, value },
      settings: new Map(attributes.map((attribute) => [attribute.name, attribute.value])),
    };
  }

  *[Symbol.iterator](): Generator<RowUpdate, void, undefined> {
    for (let index = 0; index < this.length; index += 1) yield this.row(index);
  }

  #makeRoomForSpans(): void {
    const larger = new Int32Array(2 * this.spans.length);
    larger.set(this.spans);
    this.spans = larger;
  }
}
