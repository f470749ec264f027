/**
 * Makes rows of whole lines of a batch (spec section 6).
 *
 * Bytes are looked at once; the cells of a block are cut out of one string, and only those with escapes, `+` or letters beyond
 * ASCII are decoded on their own.
 *
 * What a line comes to, the first that holds:
 *   nothing but blanks                          no row at all
 *   longer than 1 MiB                           failed
 *   more cells than the header                  failed
 *   a cell with a bad escape, or not UTF-8      failed
 *   no value in any cell but the first          skipped, whatever its id is
 *   id missing or malformed                     failed
 *   else                                        update
 */

import { type IdKind, idProblem, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import { type BatchCursor, type BatchHeader, type BatchRow, grouped, MAX_ROW_BYTES } from './batch-format.ts';
import { CELL_PROBLEM_TEXT, decodeCell, isBlank } from './cell-text.ts';

const LF = 0x0a;
const COMMA = 0x2c;
/** An id of 256 characters of four bytes each, all escaped. */
const MAX_RAW_ID_BYTES = 3072;

/** What a byte means to a cell. */
const PLAIN = 0;
const ENDS_CELL = 1;
const NEEDS_DECODING = 2;
const MEANING = new Uint8Array(256).fill(NEEDS_DECODING, 0x80);
MEANING[COMMA] = ENDS_CELL;
MEANING[LF] = ENDS_CELL;
MEANING['%'.charCodeAt(0)] = NEEDS_DECODING;
MEANING['+'.charCodeAt(0)] = NEEDS_DECODING;

/** Turns lines into rows, and knows where in the file it is. */
export class RowParser {
  readonly #header: BatchHeader;
  readonly #kind: IdKind;
  /** Where in the file the next line begins. */
  #offset: number;
  #line: number;

  // The line at hand. The block's bytes from #first on, as a string of one character a byte:
  #block: Buffer = Buffer.alloc(0);
  #text = '';
  /** Cells so far; then what they said. */
  #cells = 0;
  #id = '';
  #rawId = '';
  #settings: Map<string, string> | undefined;
  #problem: string | undefined;

  /** @param cursor where the first line to come begins */
  constructor(header: BatchHeader, cursor: BatchCursor) {
    this.#header = header;
    this.#kind = header.key === 'pcId' ? 'tntId' : 'thirdPartyId';
    this.#offset = cursor.offset;
    this.#line = cursor.line;
  }

  /** Reads lines, each ended by a LF, the file's last one perhaps not. Appends to `rows`. */
  parse(block: Buffer, rows: BatchRow[]): void {
    this.#block = block;
    this.#text = block.toString('latin1');
    for (let at = 0; at < block.length; ) at = this.#parseLine(block, at, rows);
    this.#text = '';
  }

  /**
   * Passes a line that is longer than a row may be.
   *
   * @param beginning its first bytes, {@link MAX_ROW_BYTES} at least
   * @param length all its bytes, the line end counted
   * @param blank whether there is nothing but blanks in it
   */
  passLongLine(beginning: Buffer, length: number, blank: boolean, rows: BatchRow[]): void {
    const place = { line: this.#line, start: this.#offset, next: this.#offset + length };
    this.#offset = place.next;
    this.#line += 1;
    if (blank) return;
    const comma = beginning.indexOf(COMMA);
    const end = comma === -1 || comma > MAX_ROW_BYTES ? MAX_ROW_BYTES : comma;
    const reason = `the row is longer than ${grouped(MAX_ROW_BYTES)} bytes`;
    rows.push({ kind: 'failed', ...place, rawId: rawText(beginning, 0, end), reason });
  }

  /** @returns where the next line begins */
  #parseLine(block: Buffer, start: number, rows: BatchRow[]): number {
    const length = block.length;
    this.#cells = 0;
    this.#settings = undefined;
    this.#problem = undefined;
    let cellStart = start;
    let decoding = false;
    let at = start;
    for (; at < length; at += 1) {
      const meaning = MEANING[block[at]!]!;
      if (meaning === PLAIN) continue;
      if (meaning === NEEDS_DECODING) {
        decoding = true;
        continue;
      }
      if (block[at] === LF) break;
      this.#takeCell(cellStart, at, decoding);
      decoding = false;
      cellStart = at + 1;
    }
    const next = at < length ? at + 1 : at;
    if (at - start > MAX_ROW_BYTES) {
      this.passLongLine(block.subarray(start), next - start, allBlank(block, start, at), rows);
      return next;
    }
    if (this.#cells > 0 || !allBlank(block, start, at)) {
      this.#takeCell(cellStart, at, decoding);
      rows.push(this.#finishRow(this.#offset + next - start));
    }
    this.#offset += next - start;
    this.#line += 1;
    return next;
  }

  #takeCell(from: number, to: number, decoding: boolean): void {
    const column = this.#cells;
    this.#cells += 1;
    if (column > this.#header.names.length) return;
    const block = this.#block;
    let start = from;
    let end = to;
    while (start < end && isBlank(block[start]!)) start += 1;
    while (end > start && isBlank(block[end - 1]!)) end -= 1;
    if (start === end) {
      if (column === 0) {
        this.#id = '';
        this.#rawId = '';
      }
      return;
    }
    let text: string;
    if (decoding) {
      if (column === 0) this.#rawId = rawText(block, start, end);
      const cell = decodeCell(block, start, end);
      if ('problem' in cell) {
        this.#problem ??= `${this.#columnName(column)} ${CELL_PROBLEM_TEXT[cell.problem]}`;
        return;
      }
      text = cell.text;
    } else {
      text = this.#text.slice(start, end);
      if (column === 0) this.#rawId = text;
    }
    if (column === 0) this.#id = text;
    else {
      this.#settings ??= new Map();
      this.#settings.set(this.#header.names[column - 1]!, text);
    }
  }

  #finishRow(next: number): BatchRow {
    const start = this.#offset;
    const line = this.#line;
    const columns = this.#header.names.length + 1;
    if (this.#cells > columns) {
      this.#problem = `the row has ${grouped(this.#cells)} cells, the header ${grouped(columns)}`;
    }
    const settings = this.#settings;
    if (this.#problem === undefined) {
      if (settings === undefined) return { kind: 'skipped', line, start, next };
      const problem = this.#id === '' ? 'is missing' : idProblem(this.#kind, this.#id);
      if (problem === undefined) {
        return { kind: 'update', line, start, next, id: this.#visitorId(), rawId: this.#rawId, settings };
      }
      this.#problem = `the id ${problem}`;
    }
    // A failed row may be kept for long, and a slice would keep the whole block with it.
    const rawId = cutRawId(Buffer.from(this.#rawId).toString());
    return { kind: 'failed', line, start, next, rawId, reason: this.#problem };
  }

  #visitorId(): VisitorId {
    if (this.#kind === 'tntId') return parseTntId(this.#id).id;
    return { kind: this.#kind, value: this.#id };
  }

  #columnName(column: number): string {
    return column === 0 ? 'the id' : `the value of ${JSON.stringify(this.#header.names[column - 1])}`;
  }
}

/** Whether there is nothing but blanks between two places. */
export function allBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if (!isBlank(bytes[at]!)) return false;
  }
  return true;
}

/** A cell as the file has it, blanks cut. */
function rawText(bytes: Buffer, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(bytes[start]!)) start += 1;
  while (end > start && isBlank(bytes[end - 1]!)) end -= 1;
  return cutRawId(bytes.toString('utf8', start, Math.min(end, start + MAX_RAW_ID_BYTES + 1)));
}

function cutRawId(text: string): string {
  return text.length <= MAX_RAW_ID_BYTES ? text : `${text.slice(0, MAX_RAW_ID_BYTES).toWellFormed()}…`;
}
