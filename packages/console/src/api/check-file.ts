/**
 * Checks a batch file before it is uploaded. The server decides; this check only saves the upload
 * of a bad file. The server's `console-file-check.test.ts` verifies that both refuse the same files
 * and rows.
 */

import { columnProblem, isBatchKey } from '../../../server/src/batches/column-name.ts';
import { isScriptName, SCRIPT_NAME_PROBLEM } from '../../../server/src/domain/attribute-name.ts';
import { quoted } from '../../../server/src/domain/visible-text.ts';
import { idProblem } from '../../../server/src/domain/visitor-id.ts';

const MAX_BYTES = 50_000_000;
const MAX_ROWS = 500_000;
const MAX_ROW_BYTES = 1024 * 1024;
const SHOWN_PROBLEMS = 5;

export interface CheckedFile {
  readonly file: File;
  readonly isGzip: boolean;
  readonly idKind: string;
  readonly attributes: readonly string[];
  readonly rows: number;
  /** Why the server would reject the whole file. */
  readonly refusal: string | undefined;
  /** How many single rows would fail. */
  readonly badRows: number;
  /** Descriptions of the first of them. */
  readonly problems: readonly string[];
}

/** Reads the whole file once. Nothing in the file makes it throw. */
export async function checkFile(file: File): Promise<CheckedFile> {
  const magic = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const isGzip = magic[0] === 0x1f && magic[1] === 0x8b;
  const check = new RowCheck();
  let refusal: string | undefined;
  try {
    await readThrough(file, isGzip, check);
    check.end();
  } catch (error) {
    if (error instanceof Refusal) refusal = error.message;
    else
      refusal = isGzip ? 'It begins like gzip but cannot be unpacked.' : 'The browser cannot read this file.';
  }
  return {
    file,
    isGzip,
    idKind: check.columns[0] ?? '',
    attributes: check.columns.slice(1),
    rows: check.rows,
    refusal,
    badRows: check.badRows,
    problems: check.problems,
  };
}

/** Why the server would reject the whole file. */
class Refusal extends Error {}

async function readThrough(file: File, isGzip: boolean, check: RowCheck): Promise<void> {
  const plain = isGzip ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  const reader = plain.getReader();
  let bytes = 0;
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.length;
      if (bytes > MAX_BYTES) {
        throw new Refusal(
          'It has more than 50 MB. Send it in parts: quiver import <file> does that by itself.',
        );
      }
      const lines = (rest + byteText(value)).split('\n');
      rest = lines.pop()!;
      for (const line of lines) check.take(line, true);
    }
    if (rest !== '') check.take(rest, false);
  } finally {
    await reader.cancel();
  }
}

/**
 * Bytes as a string of one character each, so that a cell is decoded only after it was separated.
 */
function byteText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** Byte-order marks at the start of a line. */
const MARKS = /^(?:\xef\xbb\xbf)+/;
/** White space that is trimmed from both ends of a cell. */
const BLANKS = /^[ \t\r]+|[ \t\r]+$/g;
const PREFIX = 'batch=';

/** Receives the lines of a file in order, as strings of one character per byte. */
class RowCheck {
  columns: readonly string[] = [];
  rows = 0;
  badRows = 0;
  readonly problems: string[] = [];
  #line = 0;
  #idKind: 'tntId' | 'thirdPartyId' = 'thirdPartyId';
  #isScriptColumn: readonly boolean[] = [];

  /** @throws Refusal */
  take(raw: string, hasLineEnd: boolean): void {
    this.#line += 1;
    let line = raw.replace(MARKS, '');
    const isFirst = this.#line === 1;
    if (isFirst) {
      if (!line.startsWith(PREFIX)) throw noHeader();
      line = line.slice(PREFIX.length).replace(MARKS, '');
    }
    if (line.replace(BLANKS, '') === '') return;
    if (this.columns.length === 0) this.#takeHeader(line, isFirst && !hasLineEnd);
    else this.#takeRow(line, raw.length);
  }

  /** @throws Refusal */
  end(): void {
    if (this.columns.length === 0) throw noHeader();
  }

  #takeHeader(line: string, isWholeFile: boolean): void {
    const text = line.replace(/[ \t\r]+$/, '');
    const cells = text.split(',');
    if (text.length > MAX_ROW_BYTES) throw new Refusal('The header row is longer than 1 MB.');
    if (text.includes('\r')) throw new Refusal('Its rows end in only CR. They must end in LF or CRLF.');
    if (isWholeFile && cells.length > 2 && !line.includes('\r')) {
      throw new Refusal(
        'It is one line without a line end: the line ends were lost, and the rows with them.',
      );
    }
    const names = cells.map((cell) => decoded(cell.replace(BLANKS, '')));
    const [key] = names;
    if (key === undefined || !isBatchKey(key)) {
      throw new Refusal(`The first column must be pcId or thirdPartyId; it is ${quoted(key ?? cells[0]!)}.`);
    }
    for (const [index, name] of names.entries()) {
      const problem = index === 0 ? undefined : problemOfName(name, names.indexOf(name) < index, key);
      if (problem !== undefined)
        throw new Refusal(`The name ${quoted(name ?? '')} of column ${index + 1} ${problem}.`);
    }
    this.columns = names as string[];
    this.#idKind = key === 'pcId' ? 'tntId' : key;
    this.#isScriptColumn = this.columns.map(isScriptName);

    function problemOfName(name: string | undefined, isKnown: boolean, first: 'pcId' | 'thirdPartyId') {
      if (name === undefined) return NOT_DECODABLE;
      if (name === '') return 'is missing';
      return isKnown ? 'is given twice' : columnProblem(name, first);
    }
  }

  #takeRow(line: string, length: number): void {
    this.rows += 1;
    if (this.rows > MAX_ROWS) {
      throw new Refusal('It has more than 500,000 rows. quiver import <file> sends it in parts.');
    }
    const problem =
      length > MAX_ROW_BYTES ? 'it is longer than 1,048,576 bytes' : this.#problemOf(line.split(','));
    if (problem === undefined) return;
    this.badRows += 1;
    if (this.problems.length < SHOWN_PROBLEMS) this.problems.push(`Line ${this.#line}: ${problem}`);
  }

  /**
   * Like the server's `row-parser.ts`: a row without any value is skipped, whatever its id is.
   */
  #problemOf(cells: readonly string[]): string | undefined {
    if (cells.length > this.columns.length) return 'it has more cells than the header';
    let id = '';
    let hasValue = false;
    for (const [column, cell] of cells.entries()) {
      const text = decoded(cell.replace(BLANKS, ''));
      const name = quoted(this.columns[column]!);
      if (text === undefined) return `the cell of ${name} ${NOT_DECODABLE}`;
      if (column === 0) id = text;
      else if (text !== '') {
        if (this.#isScriptColumn[column]) return `the name ${name} ${SCRIPT_NAME_PROBLEM}`;
        hasValue = true;
      }
    }
    if (!hasValue) return undefined;
    const problem = id === '' ? 'is missing' : idProblem(this.#idKind, id);
    return problem === undefined ? undefined : `the id ${problem}`;
  }
}

function noHeader(): Refusal {
  return new Refusal('The first line must be the header, such as batch=thirdPartyId,country,plan.');
}

const NOT_DECODABLE =
  'has a percent sign that is not followed by two hexadecimal digits, or is not UTF-8 text';
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Text that needs no decoding: ASCII without `%` and `+`. */
const PLAIN = /^[^%+\x80-\xff]*$/;

/** Percent-decodes a cell; undefined when that is impossible. */
function decoded(cell: string): string | undefined {
  if (PLAIN.test(cell)) return cell;
  const bytes: number[] = [];
  for (let at = 0; at < cell.length; at += 1) {
    const character = cell[at]!;
    if (character !== '%') bytes.push(character === '+' ? 0x20 : cell.charCodeAt(at));
    else {
      const digits = cell.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) return undefined;
      bytes.push(Number.parseInt(digits, 16));
      at += 2;
    }
  }
  try {
    return UTF8.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}
