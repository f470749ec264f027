/**
 * The beginning of a batch: `batch=`, then the header row (contract section 6).
 *
 * Any problem here refuses the whole file, with a message that says what was found and what was
 * expected.
 */

import { MAX_ATTRIBUTE_NAME } from '../domain/attribute-name.ts';
import { quoted } from '../domain/visible-text.ts';
import { badRequest, type QuiverError } from '../errors.ts';
import { LF } from '../wire/line-feed.ts';
import { type BatchHeader, grouped, MAX_ROW_BYTES } from './batch-format.ts';
import { BYTE_ORDER_MARK, CELL_PROBLEM_TEXT, decodeCell, isBlank, skipByteOrderMarks } from './cell-text.ts';
import { type BatchKey, columnProblem, isBatchKey } from './column-name.ts';

const CR = 0x0d;
const COMMA = 0x2c;
const PREFIX = Buffer.from('batch=');
const GZIP = Buffer.from([0x1f, 0x8b]);
/** How many bytes of a file are examined to determine what it is. */
const TELLING_BYTES = 64;

const EXPECTED = 'expected "batch=" followed by the header row, for instance batch=pcId,country';

/** Receives the beginning of a file until the header row is complete. */
export class HeaderReader {
  /** The bytes received so far, except those that are done with. */
  #pending: Buffer = Buffer.alloc(0);
  #length = 0;
  /** The offset of the current line in the file; everything before it is done with. */
  #offset = 0;
  #line = 1;
  #prefixSeen = false;
  #header: BatchHeader | undefined;

  /** Undefined until the header row is complete. */
  get header(): BatchHeader | undefined {
    return this.#header;
  }

  /**
   * Receives the next bytes of the file.
   *
   * @returns how many of them belong to the beginning; fewer than all once the header is complete
   * @throws QuiverError `bad-request` when the file is not a batch, or its header row breaks a rule
   */
  push(chunk: Uint8Array): number {
    let at = 0;
    while (this.#header === undefined) {
      if (this.#length === 0 && this.#prefixSeen) at = this.#skipBlanks(chunk, at);
      if (at === chunk.length) break;
      const lineEnd = chunk.indexOf(LF, at);
      const end = lineEnd === -1 ? chunk.length : lineEnd + 1;
      at += this.#append(chunk.subarray(at, end));
      // A file of another kind need not be read to the end of its first line.
      if (!this.#prefixSeen && this.#length >= TELLING_BYTES) this.#takePrefix();
      if (lineEnd !== -1 && at === end) this.#endLine();
      else if (this.#length > MAX_ROW_BYTES) throw headerTooLong();
    }
    return at;
  }

  /**
   * Ends the file.
   * @throws QuiverError `bad-request` when there is no header row, or an invalid one
   */
  end(): BatchHeader {
    if (!this.#prefixSeen && this.#length > 0) this.#takePrefix();
    if (this.#header === undefined && this.#length > 0) {
      if (this.#line === 1) refuseLostLineEnds(this.#pending.subarray(0, this.#length));
      this.#endLine();
    }
    if (this.#header === undefined) {
      if (this.#prefixSeen) throw badRequest(`row 1: nothing after "batch=", ${EXPECTED}`);
      throw badRequest(`the file is empty, ${EXPECTED}`);
    }
    return this.#header;
  }

  /** Skips blank lines before the header row cheaply, because a file may consist of them. */
  #skipBlanks(chunk: Uint8Array, from: number): number {
    let at = from;
    for (; at < chunk.length; at += 1) {
      if (chunk[at] === LF) this.#line += 1;
      else if (!isBlank(chunk[at]!)) break;
    }
    this.#offset += at - from;
    return at;
  }

  #append(bytes: Uint8Array): number {
    // One byte beyond the limit is enough to know that it was exceeded.
    const taken = Math.min(
      bytes.length,
      MAX_ROW_BYTES + 2 + PREFIX.length + 2 * BYTE_ORDER_MARK.length - this.#length,
    );
    if (this.#length + taken > this.#pending.length) {
      const larger = Buffer.alloc(Math.max(this.#length + taken, this.#pending.length * 2));
      larger.set(this.#pending.subarray(0, this.#length));
      this.#pending = larger;
    }
    this.#pending.set(bytes.subarray(0, taken), this.#length);
    this.#length += taken;
    return taken;
  }

  #takePrefix(): void {
    const pending = this.#pending.subarray(0, this.#length);
    const start = skipByteOrderMarks(pending, 0, pending.length);
    if (!pending.subarray(start, start + PREFIX.length).equals(PREFIX))
      throw badRequest(describeBeginning(pending));
    this.#prefixSeen = true;
  }

  #endLine(): void {
    if (!this.#prefixSeen) {
      // Blank lines do not tell what the file is; what follows them does.
      const telling =
        this.#length >= TELLING_BYTES || !isBlankLine(this.#pending.subarray(0, this.#length), 0);
      if (!telling) return;
      this.#takePrefix();
    }
    const line = this.#pending.subarray(0, this.#length);
    let start = skipByteOrderMarks(line, 0, line.length);
    // `--data "batch=$(cat file)"` puts a file's own byte-order mark after the prefix.
    if (this.#line === 1) start = skipByteOrderMarks(line, start + PREFIX.length, line.length);
    this.#offset += this.#length;
    this.#line += 1;
    this.#length = 0;
    if (isBlankLine(line, start)) return;
    const end = { offset: this.#offset, line: this.#line, rows: 0 };
    this.#header = { ...parseHeader(line.subarray(start)), end };
    this.#pending = Buffer.alloc(0);
  }
}

function isBlankLine(line: Buffer, start: number): boolean {
  for (let at = start; at < line.length; at += 1) {
    if (!isBlank(line[at]!) && line[at] !== LF) return false;
  }
  return true;
}

/**
 * Refuses a file that lost its line ends, for instance through `curl -d`: a single line without a
 * line end.
 *
 * A file with only a header may look the same. If it names a single attribute it is accepted,
 * because any row with a value would have added columns. This is checked before the names, whose
 * errors would hide the cause.
 */
function refuseLostLineEnds(line: Buffer): void {
  if (line.includes(CR)) return;
  let columns = 1;
  for (let at = line.indexOf(COMMA); at !== -1; at = line.indexOf(COMMA, at + 1)) columns += 1;
  if (columns <= 2) return;
  throw badRequest(
    `row 1: the file is one line of ${grouped(columns)} columns without a line end, so its line ends were lost ` +
      '(curl -d removes them, --data-binary keeps them); a header without rows must end in a line end',
  );
}

function parseHeader(line: Buffer): { key: BatchKey; names: string[] } {
  let end = line.length;
  if (line[end - 1] === LF) end -= 1;
  while (end > 0 && isBlank(line[end - 1]!)) end -= 1;
  if (end > MAX_ROW_BYTES) throw headerTooLong();
  if (line.subarray(0, end).includes(CR)) {
    throw badRequest('row 1: the rows end in CR alone, expected LF or CRLF');
  }
  let key: BatchKey | undefined;
  const names = new Set<string>();
  let column = 0;
  for (let start = 0; start <= end; ) {
    const comma = line.indexOf(COMMA, start);
    const cellEnd = comma === -1 || comma > end ? end : comma;
    column += 1;
    const name = headerCell(line, start, cellEnd, column);
    if (column === 1) key = keyNamed(name);
    else {
      const problem = names.has(name) ? 'is given twice' : columnProblem(name, key!);
      if (problem !== undefined)
        throw badRequest(`row 1: the name ${quotedName(name)} of column ${column} ${problem}`);
      names.add(name);
    }
    start = cellEnd + 1;
  }
  return { key: key!, names: [...names] };
}

function headerCell(line: Buffer, start: number, end: number, column: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(line[from]!)) from += 1;
  while (to > from && isBlank(line[to - 1]!)) to -= 1;
  const cell = decodeCell(line, from, to);
  if ('problem' in cell) throw badRequest(`row 1: column ${column} ${CELL_PROBLEM_TEXT[cell.problem]}`);
  if (cell.text === '') throw badRequest(`row 1: column ${column} has no name`);
  return cell.text;
}

function keyNamed(name: string): BatchKey {
  if (isBatchKey(name)) return name;
  const expected = 'the first column must be called pcId or thirdPartyId';
  if (/[\n,]/.test(name)) {
    throw badRequest(
      `row 1: the file is percent-encoded as a whole; send it as it is (curl --data-binary), cells alone are encoded`,
    );
  }
  throw badRequest(`row 1: ${expected}, not ${quotedName(name)}`);
}

/** Describes a file that does not start with `batch=`. */
function describeBeginning(bytes: Buffer): string {
  const beginning = bytes.subarray(skipByteOrderMarks(bytes, 0, bytes.length), TELLING_BYTES);
  const text = beginning.toString('latin1');
  if (beginning.subarray(0, 2).equals(GZIP))
    return `the file is gzip without "Content-Encoding: gzip", ${EXPECTED}`;
  for (const [pattern, what] of OTHER_BEGINNINGS) {
    if (pattern.test(text)) return `${what}, ${EXPECTED}`;
  }
  return `the file starts with ${quotedName(beginning.toString('utf8'), 24)}, ${EXPECTED}`;
}

const OTHER_BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^PK/, 'the file is a zip archive or a spreadsheet'],
  [/^(\xff\xfe|\xfe\xff)/, 'the file is UTF-16, not UTF-8'],
  [/^\s*--[^\s]/, 'the file is multipart (a form upload)'],
  [/^\s*[[{]/, 'the file is JSON'],
  [/^\s*</, 'the file is XML or HTML'],
  [/^batch%3[dD]/, 'the file is percent-encoded as a whole'],
  [/^"?batch"?\s*[=:]/i, 'the file has "batch=" written in another way'],
  [/^\s+batch=/, 'the file has blanks or lines before "batch="'],
  [/^"?(pcId|thirdPartyId)"?\s*(,|\r|\n|$)/i, 'the file starts with a header row but lacks "batch="'],
  [/^\s*$/, 'the file is blank'],
];

/** A text from the file for a message: shortened, and with invisible characters as escapes. */
export function quotedName(text: string, most = MAX_ATTRIBUTE_NAME + 12): string {
  return quoted(text.length > most ? `${text.slice(0, most).toWellFormed()}…` : text);
}

function headerTooLong(): QuiverError {
  return badRequest(
    `row 1: the header row is longer than ${grouped(MAX_ROW_BYTES)} bytes; were the line ends lost? ` +
      '(curl -d removes them, --data-binary keeps them)',
  );
}
