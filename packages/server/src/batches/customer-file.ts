/**
 * The file of customer attributes as it is kept until its rows are applied (contract section 17):
 * the uploaded table, read once when it came, with each record on a line of its own.
 *
 * ```
 * {"source":"crm","ids":"customerId","idColumn":"id","names":["tier","city"]}
 * 2,4711,gold,S%C3%A3o%20Paulo
 * 3,4712,,
 * ```
 *
 * A row begins with the line of the table on which its record began; its cells are percent-encoded.
 * They are as many as the record had, so that a row that does not fit the header fails when its
 * turn comes.
 */

import {
  customerAttributeProblem,
  customerStateName,
  idOfSource,
  MAX_CUSTOMER_ATTRIBUTES,
  MAX_CUSTOMER_VALUE,
  type SourceIds,
} from '../domain/customer-attributes.ts';
import { isPlaceholder, placeholderProblem } from '../domain/placeholder-id.ts';
import { quoted } from '../domain/visible-text.ts';
import { atMostCharacters, idProblem } from '../domain/visitor-id.ts';
import type { StateSettings } from '../domain/visitor-state.ts';
import { QuiverError } from '../errors.ts';
import { grouped, MAX_BATCH_ROWS, type UnreadableRow, type UpdateRow } from './batch-format.ts';
import { quotedName } from './batch-header.ts';
import { writeCell } from './batch-text.ts';
import type { CsvRecord } from './csv-records.ts';
import type { PlaceholderRows } from './row-parser.ts';

/** What the first line of the kept file says. */
export interface CustomerHeader {
  readonly source: string;
  readonly ids: SourceIds;
  /** What the table calls its first column. */
  readonly idColumn: string;
  readonly names: readonly string[];
}

/** A row that sets customer attributes. */
export type CustomerRow = UpdateRow & { readonly state: StateSettings };

const YIELD_CHARACTERS = 64 * 1024;
const NO_SETTINGS: ReadonlyMap<string, string> = new Map();

/** Converts the records of an uploaded table, and counts them. */
export class CustomerFileWriter {
  readonly #source: string;
  readonly #ids: SourceIds;
  /** Undefined until the first record has come. */
  header: CustomerHeader | undefined;
  rows = 0;

  constructor(source: string, ids: SourceIds) {
    this.#source = source;
    this.#ids = ids;
  }

  /**
   * The kept file in pieces.
   *
   * @throws QuiverError `bad-request` when the header row breaks a rule or there is no row, `body-too-large` when there are too many;
   *   what the records throw
   */
  async *text(records: AsyncIterable<CsvRecord>): AsyncGenerator<string, void, undefined> {
    let pending = '';
    for await (const { cells, line } of records) {
      if (this.header === undefined) {
        this.header = this.#headerOf(cells, line);
        pending = `${asciiJson(this.header)}\n`;
        continue;
      }
      this.rows += 1;
      if (this.rows > MAX_BATCH_ROWS) {
        const where = `the one on line ${grouped(line)} is one too many`;
        throw new QuiverError(
          'body-too-large',
          `the file has more than ${grouped(MAX_BATCH_ROWS)} rows; ${where}`,
        );
      }
      pending += `${line},${cells.map(writeCell).join(',')}\n`;
      if (pending.length < YIELD_CHARACTERS) continue;
      yield pending;
      pending = '';
    }
    if (this.header === undefined) throw refusal('the file is empty, expected a header row');
    if (this.rows === 0) throw refusal('the file has no row behind its header');
    yield pending;
  }

  #headerOf(cells: readonly string[], line: number): CustomerHeader {
    const [idColumn = '', ...names] = cells;
    const where = `line ${grouped(line)}:`;
    if (names.length === 0) throw refusal(`${where} expected the ids and at least one attribute`);
    if (names.length > MAX_CUSTOMER_ATTRIBUTES) {
      const count = grouped(names.length);
      throw refusal(`${where} ${count} attributes, a file may have ${MAX_CUSTOMER_ATTRIBUTES}`);
    }
    for (const [index, name] of names.entries()) {
      const problem = names.indexOf(name) < index ? 'is given twice' : customerAttributeProblem(name);
      if (problem !== undefined) {
        throw refusal(`${where} the name ${quotedName(name, 60)} of column ${index + 2} ${problem}`);
      }
    }
    return { source: this.#source, ids: this.#ids, idColumn, names };
  }
}

/** Reads the first line of a kept file. @throws SyntaxError when it is none */
export function parseCustomerHeader(line: string): CustomerHeader {
  return JSON.parse(line) as CustomerHeader;
}

/** The cells of a row of a kept file, and the line of the table where its record began. */
export function cellsOfRow(text: string): { readonly line: number; readonly cells: readonly string[] } {
  const [line, ...cells] = text.split(',').map(decodeURIComponent);
  return { line: Number(line), cells };
}

/**
 * What a row comes to, the first that holds: more or fewer cells than the header, an id that is
 * missing or malformed, a value that is too long, a placeholder where they are refused: failed;
 * else it sets every attribute of the file, an empty cell to null.
 *
 * @param start where the row begins in the kept file
 * @param next where the next one begins
 */
export function customerRow(
  text: string,
  start: number,
  next: number,
  { source, ids, names }: CustomerHeader,
  placeholders?: PlaceholderRows,
): CustomerRow | UnreadableRow {
  const { line, cells } = cellsOfRow(text);
  const [rawId = '', ...values] = cells;
  const place = { line, start, next, rawId };
  const failed = (reason: string): UnreadableRow => ({ kind: 'failed', ...place, reason });
  if (values.length !== names.length) {
    return failed(`the row has ${grouped(cells.length)} cells, the header ${grouped(names.length + 1)}`);
  }
  const id = idOfSource(source, ids, rawId);
  const problem = rawId === '' ? 'is missing' : idProblem(id.kind, id.value);
  if (problem !== undefined) return failed(`the id ${problem}`);
  const tooLong = values.findIndex((value) => !atMostCharacters(value, MAX_CUSTOMER_VALUE));
  if (tooLong !== -1) {
    const name = quoted(names[tooLong]!);
    return failed(`the value of ${name} must have at most ${MAX_CUSTOMER_VALUE} characters`);
  }
  if (placeholders && isPlaceholder(id)) {
    placeholders.note(id);
    if (placeholders.isRefused) return failed(`the id ${placeholderProblem(rawId)}`);
  }
  const state = new Map(names.map((name, index) => [customerStateName(source, name), values[index]!]));
  return { kind: 'update', ...place, id, settings: NO_SETTINGS, state };
}

/**
 * A record as it can be uploaded again: quotes where they are needed, backslashes before quotes and
 * backslashes within them.
 */
export function csvRecord(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\n`;
}

function csvCell(text: string): string {
  return /[",\\\r\n]/.test(text) ? `"${text.replaceAll(/["\\]/g, (one) => `\\${one}`)}"` : text;
}

/** JSON in ASCII, so that a line may be cut anywhere. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function refusal(message: string): QuiverError {
  return new QuiverError('bad-request', message);
}
