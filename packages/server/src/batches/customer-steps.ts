/**
 * Reads a stored file of customer attributes (`customer-file.ts`) as steps of rows, for the runner.
 */

import type { ReadBytes } from '../storage/batch-file-store.ts';
import { PlainRows } from '../storage/plain-rows.ts';
import type { BatchCursor, UnreadableRow } from './batch-format.ts';
import {
  type CustomerHeader,
  cellsOfRow,
  csvRecord,
  customerRow,
  parseCustomerHeader,
} from './customer-file.ts';
import type { PlaceholderRows } from './row-parser.ts';
import type { ReadStep } from './step-reader.ts';

/** A step ends early when its rows have reached this size. */
const STEP_BYTES = 2 * 1024 * 1024;

/** One line of a stored file, without its end. */
export interface KeptLine {
  readonly text: string;
  /** Its offset in the file, in bytes. */
  readonly start: number;
  readonly next: number;
}

/**
 * The lines of a stream of ASCII bytes.
 * @param offset where the first chunk starts
 */
export async function* keptLines(
  chunks: AsyncIterable<Uint8Array>,
  offset: number,
): AsyncGenerator<KeptLine, void, undefined> {
  let open = '';
  let start = offset;
  for await (const chunk of chunks) {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1');
    const lines = (open + text).split('\n');
    open = lines.pop()!;
    for (const line of lines) {
      const next = start + line.length + 1;
      yield { text: line, start, next };
      start = next;
    }
  }
  if (open !== '') throw new RangeError('the file ends within a row');
}

export interface ReadCustomerOptions {
  readonly header: CustomerHeader;
  /** Where the first chunk starts. */
  readonly cursor: BatchCursor;
  /** How many rows a step contains. */
  readonly rowsPerStep: number;
  /** Epoch milliseconds; called once per step. */
  readonly now: () => number;
  readonly placeholders?: PlaceholderRows | undefined;
}

/** Reads the first line, and where the rows start. */
export async function readCustomerHeader(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: CustomerHeader; readonly end: BatchCursor }> {
  for await (const { text, next } of keptLines(chunks, 0)) {
    return { header: parseCustomerHeader(text), end: { offset: next, line: 1, rows: 0 } };
  }
  throw new RangeError('the file is empty');
}

/**
 * Some rows of a stored file as a table that can be uploaded again.
 * @param read reads the stored file
 */
export async function* failedRecords(
  { idColumn, names }: CustomerHeader,
  rows: AsyncIterable<Pick<UnreadableRow, 'start' | 'next'>>,
  read: ReadBytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(csvRecord([idColumn, ...names]));
  for await (const { start, next } of rows) {
    for await (const { text } of keptLines(read(start, next), start)) {
      yield Buffer.from(csvRecord(cellsOfRow(text).cells));
    }
  }
}

/** Reads rows from a position on, in steps. */
export async function* readCustomerSteps(
  chunks: AsyncIterable<Uint8Array>,
  { header, cursor, rowsPerStep, now, placeholders }: ReadCustomerOptions,
): AsyncGenerator<ReadStep, void, undefined> {
  const kind = header.ids;
  let updates = emptyRows();
  let failures: UnreadableRow[] = [];
  let rows = 0;
  let after = { offset: cursor.offset, line: cursor.line };
  function emptyRows(): PlainRows {
    const empty = new PlainRows(kind, []);
    empty.clear(now());
    return empty;
  }
  const takeStep = (): ReadStep => {
    const step = { updates, failures, rows, after, release: () => {} };
    updates = emptyRows();
    failures = [];
    rows = 0;
    return step;
  };
  for await (const { text, start, next } of keptLines(chunks, cursor.offset)) {
    const row = customerRow(text, start, next, header, placeholders);
    rows += 1;
    if (row.kind === 'update') updates.add({ ...row, nth: rows });
    else failures.push(row);
    after = { offset: next, line: row.line + 1 };
    if (rows >= rowsPerStep || updates.size >= STEP_BYTES) yield takeStep();
  }
  if (rows > 0) yield takeStep();
}
