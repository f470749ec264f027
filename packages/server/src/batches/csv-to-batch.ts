/**
 * Converts a table as spreadsheets and databases write it (RFC 4180) into the batch format
 * (contract section 6).
 */

import { idProblem } from '../domain/visitor-id.ts';
import { badRequest } from '../errors.ts';
import { grouped, MAX_ROW_BYTES } from './batch-format.ts';
import { quotedName } from './batch-header.ts';
import { writeHeader, writeRow } from './batch-text.ts';
import { type BatchKey, columnProblem } from './column-name.ts';
import { spreadsheetRecords } from './csv-records.ts';

const YIELD_CHARACTERS = 64 * 1024;

/** A record of the table that becomes no row. */
export interface RefusedRecord {
  /** The line on which the record starts, from 1. */
  readonly line: number;
  /** The value of its key column. */
  readonly id: string;
  readonly reason: string;
}

export interface CsvToBatchOptions {
  /** The column with the ids; all others are attributes. */
  readonly key: string;
  /** The kind of the ids. */
  readonly as: BatchKey;
  /** The delimiter between cells; by default the one in a first line `sep=`, otherwise a comma. */
  readonly delimiter?: string | undefined;
  /** Called with each record that becomes no row; the others are converted. */
  readonly refused: (record: RefusedRecord) => void;
  /** Called with the line of each record that becomes a row, in order. */
  readonly written?: (line: number) => void;
}

/**
 * Converts the table as a stream; at most one record is in memory.
 *
 * Values are kept exactly, including blanks. An empty value sets nothing. A record without any
 * value becomes a row that is skipped.
 *
 * @returns the text of one batch, in pieces, of any size; see `split-batch.ts`
 * @throws QuiverError `bad-request` when the table cannot be read or its header row breaks a rule;
 *   the message names the line
 */
export async function* csvToBatch(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: CsvToBatchOptions,
): AsyncGenerator<string, void, undefined> {
  let columns: Columns | undefined;
  let pending = '';
  for await (const { cells, line } of spreadsheetRecords(chunks, options.delimiter)) {
    if (columns === undefined) {
      columns = columnsOf(cells, line, options);
      pending = writeHeader(options.as, columns.names);
      continue;
    }
    const row = rowOf(cells, columns, options);
    if ('reason' in row) options.refused({ line, id: cells[columns.key] ?? '', reason: row.reason });
    else {
      options.written?.(line);
      pending += row.text;
      if (pending.length < YIELD_CHARACTERS) continue;
      yield pending;
      pending = '';
    }
  }
  if (columns === undefined) throw badRequest('the file is empty, expected a header row');
  yield pending;
}

interface Columns {
  /** The index of the column with the ids. */
  readonly key: number;
  readonly count: number;
  /** The names of the other columns, in order. */
  readonly names: readonly string[];
}

function columnsOf(
  record: readonly string[],
  line: number,
  { key: keyName, as }: CsvToBatchOptions,
): Columns {
  const key = record.indexOf(keyName);
  const where = `line ${grouped(line)}:`;
  if (key === -1) {
    const found = record.slice(0, 20).map((name) => quotedName(name));
    const hint = record.length === 1 && /[;\t|]/.test(record[0]!) ? '; see --delimiter' : '';
    throw badRequest(
      `${where} no column is called ${quotedName(keyName)}; the columns are ${found.join(', ')}${hint}`,
    );
  }
  const seen = new Set<string>();
  for (const [index, name] of record.entries()) {
    if (name === '') throw badRequest(`${where} column ${index + 1} has no name`);
    const isKey = index === key;
    const problem = seen.has(name) ? 'is given twice' : isKey ? undefined : columnProblem(name, as);
    if (problem !== undefined) {
      throw badRequest(`${where} the name ${quotedName(name)} of column ${index + 1} ${problem}`);
    }
    seen.add(name);
  }
  return { key, count: record.length, names: record.filter((_, index) => index !== key) };
}

function rowOf(
  record: readonly string[],
  columns: Columns,
  { key, as }: CsvToBatchOptions,
): { text: string } | { reason: string } {
  if (record.length !== columns.count) {
    return { reason: `the record has ${grouped(record.length)} cells, the header ${grouped(columns.count)}` };
  }
  const id = record[columns.key]!;
  const values = record.filter((_, index) => index !== columns.key);
  const problem = id === '' ? 'is missing' : idProblem(as === 'pcId' ? 'tntId' : as, id);
  if (problem !== undefined && values.some((value) => value !== '')) {
    return { reason: `the id (${key}) ${problem}` };
  }
  const text = writeRow(id, values);
  // The line end is not part of the row.
  if (text.length - 1 > MAX_ROW_BYTES) {
    return { reason: `the row would be longer than ${grouped(MAX_ROW_BYTES)} bytes` };
  }
  return { text };
}
