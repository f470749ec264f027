/** Turns a table as spreadsheets and databases write it (RFC 4180) into the batch format (contract section 6). */

import { Readable } from 'node:stream';
import { CsvError, type Info, parse } from 'csv-parse';
import { idProblem } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { grouped, MAX_ROW_BYTES } from './batch-format.ts';
import { quotedName } from './batch-header.ts';
import { writeHeader, writeRow } from './batch-writer.ts';
import { BYTE_ORDER_MARK, skipByteOrderMarks } from './cell-text.ts';
import { type BatchKey, columnProblem } from './column-name.ts';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const YIELD_CHARACTERS = 64 * 1024;

/** A record of the table that makes no row. */
export interface RefusedRecord {
  /** The line on which the record begins; the file's first is 1. */
  readonly line: number;
  /** What its key column says. */
  readonly id: string;
  readonly reason: string;
}

export interface CsvToBatchOptions {
  /** The column that holds the ids; all others are attributes. */
  readonly key: string;
  /** What the ids are. */
  readonly as: BatchKey;
  /** What stands between two cells; by default what a first line `sep=` says, else a comma. */
  readonly delimiter?: string | undefined;
  /** Told of each record that makes no row; the others go on. */
  readonly refused: (record: RefusedRecord) => void;
  /** Told the line of each record that makes a row, in the order of the rows. */
  readonly written?: (line: number) => void;
}

interface CsvRecord {
  readonly record: string[];
  readonly info: Info;
}

/**
 * Converts as the table streams by; at most one record is held.
 *
 * Values are taken to the letter, blanks too. An empty one sets nothing. A record without any value becomes a row that is skipped.
 *
 * @returns the text of one batch, in pieces, whatever its size; see `split-batch.ts`
 * @throws QuiverError `bad-request` when the table cannot be read or its header row breaks a rule; the message names the line
 */
export async function* csvToBatch(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: CsvToBatchOptions,
): AsyncGenerator<string, void, undefined> {
  let columns: Columns | undefined;
  const lines = new LineCount();
  let pending = '';
  try {
    for await (const { record, info } of recordsOf(chunks, options.delimiter)) {
      const line = lines.firstLineOf(record, info);
      if (columns === undefined) {
        columns = columnsOf(record, line, options);
        pending = writeHeader(options.as, columns.names);
        continue;
      }
      const row = rowOf(record, columns, options);
      if ('reason' in row) options.refused({ line, id: record[columns.key] ?? '', reason: row.reason });
      else {
        options.written?.(line);
        pending += row.text;
        if (pending.length < YIELD_CHARACTERS) continue;
        yield pending;
        pending = '';
      }
    }
  } catch (error) {
    throw error instanceof CsvError ? lines.refusalOf(error) : error;
  }
  if (columns === undefined) throw refusal('the file is empty, expected a header row');
  yield pending;
}

interface Columns {
  /** Which column holds the ids. */
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
    throw refusal(
      `${where} no column is called ${quotedName(keyName)}; the columns are ${found.join(', ')}${hint}`,
    );
  }
  const seen = new Set<string>();
  for (const [index, name] of record.entries()) {
    if (name === '') throw refusal(`${where} column ${index + 1} has no name`);
    const isKey = index === key;
    const problem = seen.has(name) ? 'is given twice' : isKey ? undefined : columnProblem(name, as);
    if (problem !== undefined) {
      throw refusal(`${where} the name ${quotedName(name)} of column ${index + 1} ${problem}`);
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
  // The line end is no part of the row.
  if (text.length - 1 > MAX_ROW_BYTES) {
    return { reason: `the row would be longer than ${grouped(MAX_ROW_BYTES)} bytes` };
  }
  return { text };
}

/** The longest first line that is looked at for `sep=`: quotes, one character of four bytes, a line end. */
const SEP_BYTES = 16;
/** The first line by which a spreadsheet is told the delimiter. */
const SEP_LINE = /^"?sep=([^"\r\n])"?(?:[\r\n]|$)/iu;
const DEFAULT_DELIMITER = ',';

async function* recordsOf(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  delimiter: string | undefined,
): AsyncGenerator<CsvRecord, void, undefined> {
  const { start, rest } = await startOf(withoutMarks(strictlyUtf8(chunks)));
  const sep = SEP_LINE.exec(start.toString('utf8'));
  const parser = parse({
    delimiter: delimiter ?? sep?.[1] ?? DEFAULT_DELIMITER,
    // Each of the three, in any mixture; the parser alone would learn one from the first line and keep the others as text.
    record_delimiter: ['\r\n', '\n', '\r'],
    from_line: sep ? 2 : 1,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: 2 * MAX_ROW_BYTES,
  });
  const source = Readable.from(rest, { objectMode: false });
  source.once('error', (error) => parser.destroy(error));
  yield* source.pipe(parser) as AsyncIterable<CsvRecord>;
}

/** Reads as much of a stream as may hold a `sep=` line. @returns that, and the whole stream */
async function startOf(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
): Promise<{ start: Buffer; rest: AsyncGenerator<Uint8Array, void, undefined> }> {
  let start: Buffer = Buffer.alloc(0);
  let isEnded = false;
  while (start.length < SEP_BYTES && !isEnded) {
    const { value, done } = await chunks.next();
    if (done) isEnded = true;
    else start = Buffer.concat([start, value]);
  }
  const rest = async function* () {
    yield start;
    if (!isEnded) yield* chunks;
  };
  return { start: start.subarray(0, SEP_BYTES), rest: rest() };
}

/**
 * Drops the byte-order marks at the start of each line outside quotes, wherever the chunks were cut; the
 * parser drops only one at the start of the file, and takes a quote behind another for text.
 *
 * A quote within quotes is written twice, so that an odd number of quotes so far means within.
 */
async function* withoutMarks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let isQuoted = false;
  let isAtStart = true;
  /** The beginning of a mark at the end of a chunk. */
  let held: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    held = bytes.subarray(bytes.length);
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      if (isAtStart && bytes[at] === BYTE_ORDER_MARK[0]) {
        if (at + BYTE_ORDER_MARK.length > bytes.length) {
          if (at > from) yield bytes.subarray(from, at);
          held = bytes.subarray(at);
          from = bytes.length;
          break;
        }
        const end = skipByteOrderMarks(bytes, at, bytes.length);
        if (end > at) {
          if (at > from) yield bytes.subarray(from, at);
          from = end;
          at = end - 1;
          continue;
        }
      }
      const byte = bytes[at];
      if (byte === QUOTE) isQuoted = !isQuoted;
      isAtStart = !isQuoted && (byte === LF || byte === CR);
    }
    if (from < bytes.length) yield bytes.subarray(from);
  }
  if (held.length > 0) yield held;
}

/** Lets the bytes through as they are, up to the first that are not UTF-8: the parser would replace those without a word. */
async function* strictlyUtf8(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  let last = 0;
  const decode = (chunk?: Uint8Array) => {
    try {
      decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      const where = chunk === undefined ? 'at its end' : `on or after line ${grouped(line)}`;
      throw new QuiverError('bad-request', `the file is not UTF-8 (${where})`, { cause });
    }
  };
  for await (const chunk of chunks) {
    decode(chunk);
    for (const byte of chunk) {
      if (byte === CR || (byte === LF && last !== CR)) line += 1;
      last = byte;
    }
    yield chunk;
  }
  decode();
}

/** Knows the lines as an editor numbers them; the parser tells where a record ends, and takes a CRLF within quotes for two. */
class LineCount {
  #countedTwice = 0;

  /** The line on which a record begins. To be asked once of every record, in order. */
  firstLineOf(record: readonly string[], info: Info): number {
    let breaks = 0;
    let pairs = 0;
    for (const value of record) {
      if (!/[\r\n]/.test(value)) continue;
      breaks += value.match(/[\r\n]/g)!.length;
      pairs += value.match(/\r\n/g)?.length ?? 0;
    }
    const line = info.lines - breaks - this.#countedTwice;
    this.#countedTwice += pairs;
    return line;
  }

  refusalOf(error: CsvError): QuiverError {
    const { lines } = error as CsvError & { lines?: number };
    const where = lines === undefined ? '' : `line ${grouped(lines - this.#countedTwice)}: `;
    const what = PARSER_PROBLEMS[error.code] ?? error.message;
    return new QuiverError('bad-request', `${where}${what}`, { cause: error });
  }
}

const PARSER_PROBLEMS: Partial<Record<CsvError['code'], string>> = {
  CSV_MAX_RECORD_SIZE: `a record is longer than ${grouped(2 * MAX_ROW_BYTES)} bytes; is a quote not closed?`,
  CSV_QUOTE_NOT_CLOSED: 'the file ends within quotes',
  CSV_INVALID_CLOSING_QUOTE: 'there is text behind a closing quote (a quote within quotes is written twice)',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'there is text behind a closing quote',
  INVALID_OPENING_QUOTE: 'there is a quote within a cell that is not in quotes itself',
};

function refusal(message: string): QuiverError {
  return new QuiverError('bad-request', message);
}
