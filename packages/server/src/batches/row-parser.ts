/**
 * Parses complete lines of a batch into rows (contract section 6).
 *
 * The first condition that holds decides about a line:
 *
 *   only blanks after byte-order marks          no row at all
 *   longer than 1 MiB                           failed
 *   more cells than the header                  failed
 *   a cell with a bad escape, or not UTF-8      failed
 *   a value in a column called `user.…`         failed
 *   no value in any cell but the first          skipped, whatever its id is
 *   id missing or malformed                     failed
 *   id a placeholder, where they are refused    failed
 *   none of these                               update
 */

import { isScriptName, SCRIPT_NAME_PROBLEM } from '../domain/attribute-name.ts';
import { isPlaceholder, placeholderProblem } from '../domain/placeholder-id.ts';
import { quoted } from '../domain/visible-text.ts';
import { type IdKind, idProblem, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import {
  type BatchCursor,
  type BatchHeader,
  type BatchRow,
  grouped,
  MAX_ROW_BYTES,
  type UnreadableRow,
} from './batch-format.ts';
import { BAD_ESCAPE, CellScanner, ENDS_LINE, WAS_ENCODED } from './cell-scanner.ts';
import {
  allBlank,
  CELL_PROBLEM_TEXT,
  type CellProblem,
  decodeCell,
  isBlank,
  skipByteOrderMarks,
} from './cell-text.ts';
import type { LineParser } from './line-reader.ts';

const COMMA = 0x2c;
/** An id of 256 characters of four bytes each, all escaped. */
const MAX_RAW_ID_BYTES = 3072;

/** The treatment of rows whose id is a placeholder. */
export interface PlaceholderRows {
  readonly isRefused: boolean;
  /** Called for each. */
  note(id: VisitorId): void;
}

/** Turns lines into rows, and tracks the position in the file. */
export class RowParser implements LineParser {
  /** The rows parsed so far; taking them leaves an empty list. */
  rows: BatchRow[] = [];
  readonly #header: BatchHeader;
  readonly #kind: IdKind;
  /** For each column after the first, whether its name belongs to profile scripts. */
  readonly #isScriptColumn: readonly boolean[];
  /** The offset of the next line in the file. */
  #offset: number;
  #line: number;

  readonly #cells = new CellScanner();
  #block: Buffer = Buffer.alloc(0);

  readonly #placeholders: PlaceholderRows | undefined;

  /**
   * @param cursor where the next line starts
   * @param placeholders the treatment of rows whose id is a placeholder; by default they are like
   *   other rows
   */
  constructor(header: BatchHeader, cursor: BatchCursor, placeholders?: PlaceholderRows) {
    this.#placeholders = placeholders;
    this.#header = header;
    this.#kind = header.key === 'pcId' ? 'tntId' : 'thirdPartyId';
    this.#isScriptColumn = header.names.map(isScriptName);
    this.#offset = cursor.offset;
    this.#line = cursor.line;
  }

  /** Sets where the next line starts, after another reader has read the lines before it. */
  moveTo(offset: number, line: number): void {
    this.#offset = offset;
    this.#line = line;
  }

  parse(block: Buffer): void {
    const { rows } = this;
    this.#block = block;
    this.#cells.scan(block);
    let start = 0;
    let textStart = 0;
    for (let cell = 0; cell < this.#cells.count; ) {
      let last = cell;
      while ((this.#cells.flags[last]! & ENDS_LINE) === 0) last += 1;
      const end = this.#cells.rawEnds[last]!;
      const next = Math.min(end + 1, block.length);
      const content = skipByteOrderMarks(block, start, end);
      if (last > cell || !allBlank(block, content, end)) {
        // A mark is three bytes of the file and one character of the text.
        const marks = (content - start) / 3;
        rows.push(this.#parseRow(cell, last, content, textStart + marks, next - start));
      }
      this.#offset += next - start;
      this.#line += 1;
      start = next;
      textStart = this.#cells.textEnds[last]! + 1;
      cell = last + 1;
    }
  }

  passLongLine(beginning: Buffer, length: number, blank: boolean): void {
    const place = { line: this.#line, start: this.#offset, next: this.#offset + length };
    this.#offset = place.next;
    this.#line += 1;
    if (blank) return;
    const comma = beginning.indexOf(COMMA);
    const end = comma === -1 || comma > MAX_ROW_BYTES ? MAX_ROW_BYTES : comma;
    const reason = `the row is longer than ${grouped(MAX_ROW_BYTES)} bytes`;
    const rawId = rawText(beginning, skipByteOrderMarks(beginning, 0, end), end);
    this.rows.push({ kind: 'failed', ...place, rawId, reason });
  }

  #parseRow(first: number, last: number, rowStart: number, rowTextStart: number, length: number): BatchRow {
    const { rawEnds, textEnds } = this.#cells;
    const { names } = this.#header;
    if (last - first > names.length) {
      const counts = `${grouped(last - first + 1)} cells, the header ${grouped(names.length + 1)}`;
      return this.#failedRow(first, rowStart, length, `the row has ${counts}`);
    }
    let id = '';
    let settings: Map<string, string> | undefined;
    let start = rowStart;
    let textStart = rowTextStart;
    for (let cell = first; cell <= last; cell += 1) {
      const end = rawEnds[cell]!;
      const text = this.#cellText(cell, start, end, textStart);
      if (typeof text !== 'string') {
        const reason = `${this.#columnName(cell - first)} ${CELL_PROBLEM_TEXT[text.problem]}`;
        return this.#failedRow(first, rowStart, length, reason);
      }
      if (cell === first) id = text;
      else if (text !== '' && this.#isScriptColumn[cell - first - 1]) {
        const reason = `${this.#columnName(cell - first)} cannot be set: the name ${SCRIPT_NAME_PROBLEM}`;
        return this.#failedRow(first, rowStart, length, reason);
      } else if (text !== '') {
        settings ??= new Map();
        settings.set(names[cell - first - 1]!, text);
      }
      start = end + 1;
      textStart = textEnds[cell]! + 1;
    }
    const line = this.#line;
    const next = this.#offset + length;
    if (settings === undefined) return { kind: 'skipped', line, start: this.#offset, next };
    const problem = id === '' ? 'is missing' : idProblem(this.#kind, id);
    if (problem !== undefined) return this.#failedRow(first, rowStart, length, `the id ${problem}`);
    const visitorId = this.#visitorId(id);
    if (this.#placeholders && isPlaceholder(visitorId)) {
      this.#placeholders.note(visitorId);
      if (this.#placeholders.isRefused) {
        return this.#failedRow(first, rowStart, length, `the id ${placeholderProblem(id)}`);
      }
    }
    const rawId =
      (this.#cells.flags[first]! & WAS_ENCODED) === 0 ? id : rawText(this.#block, rowStart, rawEnds[first]!);
    return { kind: 'update', line, start: this.#offset, next, id: visitorId, rawId, settings };
  }

  #cellText(cell: number, from: number, to: number, textFrom: number): string | { problem: CellProblem } {
    const { flags, isText, text, textEnds } = this.#cells;
    const block = this.#block;
    let start = from;
    let end = to;
    while (start < end && isBlank(block[start]!)) start += 1;
    while (end > start && isBlank(block[end - 1]!)) end -= 1;
    if (start === end) return '';
    if ((flags[cell]! & BAD_ESCAPE) !== 0) return { problem: 'bad-escape' };
    if (!isText) {
      const decoded = decodeCell(block, start, end);
      return 'problem' in decoded ? decoded : decoded.text;
    }
    // Blanks at the ends are the same number of bytes in the file and characters in the text.
    return text.slice(textFrom + start - from, textEnds[cell]! - (to - end));
  }

  #failedRow(firstCell: number, rowStart: number, length: number, reason: string): UnreadableRow {
    const end = this.#cells.rawEnds[firstCell]!;
    const rawId = rawText(this.#block, rowStart, end);
    return {
      kind: 'failed',
      line: this.#line,
      start: this.#offset,
      next: this.#offset + length,
      rawId,
      reason,
    };
  }

  #visitorId(id: string): VisitorId {
    return this.#kind === 'tntId' ? parseTntId(id).id : { kind: this.#kind, value: id };
  }

  #columnName(column: number): string {
    return column === 0 ? 'the id' : `the value of ${quoted(this.#header.names[column - 1]!)}`;
  }
}

/** A cell as it is in the file, without blanks around it. */
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
