/**
 * The stored form of a file of customer attributes until its rows are applied (contract section
 * 17): the uploaded table, parsed once during the upload, with one line per record.
 *
 * ```
 * {"source":"crm","ids":"customerId","idColumn":"id","names":["tier","city"]}
 * 2,4711,gold,S%C3%A3o%20Paulo
 * 3,4712,,
 * ```
 *
 * A row starts with the line of the uploaded table on which its record started. Its cells are
 * percent-encoded. It has as many cells as the record had, so a row that does not fit the header
 * fails when it is applied.
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
import { badRequest, QuiverError } from '../errors.ts';
import { grouped, MAX_BATCH_ROWS, type UnreadableRow, type UpdateRow } from './batch-format.ts';
import { quotedName } from './batch-header.ts';
import { writeCell } from './batch-text.ts';
import type { CsvRecord } from './csv-records.ts';
import type { PlaceholderRows } from './row-parser.ts';

/** The contents of the first line of the stored file. */
export interface CustomerHeader {
  readonly source: string;
  readonly ids: SourceIds;
  /** The name of the first column in the table. */
  readonly idColumn: string;
  readonly names: readonly string[];
}

/** A row that sets customer attributes. */
export type CustomerRow = UpdateRow & { readonly state: StateSettings };

const YIELD_CHARACTERS = 64 * 1024;
const NO_SETTINGS: ReadonlyMap<string, string> = new Map();

/** Converts and counts the records of an uploaded table. */
export class CustomerFileWriter {
  readonly #source: string;
  readonly #ids: SourceIds;
  /** Undefined until the first record has been read. */
  header: CustomerHeader | undefined;
  rows = 0;

  constructor(source: string, ids: SourceIds) {
    this.#source = source;
    this.#ids = ids;
  }

  /**
   * The stored file in pieces.
   *
   * @throws QuiverError `bad-request` when the header row breaks a rule or there is no row,
   *   `body-too-large` when there are too many; errors of the records
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
    if (this.header === undefined) throw badRequest('the file is empty, expected a header row');
    if (this.rows === 0) throw badRequest('the file has no row behind its header');
    yield pending;
  }

  #headerOf(cells: readonly string[], line: number): CustomerHeader {
    const [idColumn = '', ...names] = cells;
    const where = `line ${grouped(line)}:`;
    if (names.length === 0) throw badRequest(`${where} expected the ids and at least one attribute`);
    if (names.length > MAX_CUSTOMER_ATTRIBUTES) {
      const count = grouped(names.length);
      throw badRequest(`${where} ${count} attributes, a file may have ${MAX_CUSTOMER_ATTRIBUTES}`);
    }
    for (const [index, name] of names.entries()) {
      const problem = names.indexOf(name) < index ? 'is given twice' : customerAttributeProblem(name);
      if (problem !== undefined) {
        throw badRequest(`${where} the name ${quotedName(name, 60)} of column ${index + 2} ${problem}`);
      }
    }
    return { source: this.#source, ids: this.#ids, idColumn, names };
  }
}

/**
 * Parses the first line of a stored file.
 * @throws SyntaxError when it is not one
 */
export function parseCustomerHeader(line: string): CustomerHeader {
  return JSON.parse(line) as CustomerHeader;
}

/** The cells of a row of a stored file, and the line of the table where its record started. */
export function cellsOfRow(text: string): { readonly line: number; readonly cells: readonly string[] } {
  const [line, ...cells] = text.split(',').map(decodeURIComponent);
  return { line: Number(line), cells };
}

/**
 * The outcome of a row. It fails if it has more or fewer cells than the header, its id is missing
 * or malformed, a value is too long, or its id is a placeholder where those are refused. Otherwise
 * it sets every attribute of the file; an empty cell sets null.
 *
 * @param start where the row starts in the stored file
 * @param next where the next one starts
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
 * A record as it can be uploaded again, with quotes where they are needed, and a backslash before
 * quotes and backslashes within them.
 */
export function csvRecord(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\n`;
}

function csvCell(text: string): string {
  return /[",\\\r\n]/.test(text) ? `"${text.replaceAll(/["\\]/g, (one) => `\\${one}`)}"` : text;
}

/** JSON in ASCII, so that a line can be cut anywhere. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
