/** Reads tables of comma-separated values record by record, with the line number of each. */

import { Readable } from 'node:stream';
import { CsvError, type Info, type Options, parse } from 'csv-parse';
import { QuiverError } from '../errors.ts';
import { LF } from '../wire/line-feed.ts';
import { grouped, MAX_ROW_BYTES } from './batch-format.ts';
import { BYTE_ORDER_MARK, skipByteOrderMarks } from './cell-text.ts';

const CR = 0x0d;
const QUOTE = 0x22;

/** One record of a table. */
export interface CsvRecord {
  readonly cells: readonly string[];
  /** The line on which it starts, from 1. */
  readonly line: number;
}

/**
 * The longest first line that is examined for `sep=`: quotes, one character of four bytes, a line
 * end.
 */
const SEP_BYTES = 16;
/** The first line that tells a spreadsheet program the delimiter. */
const SEP_LINE = /^"?sep=([^"\r\n])"?(?:[\r\n]|$)/iu;
const DEFAULT_DELIMITER = ',';

/**
 * Records as spreadsheets and databases write them (RFC 4180): a quote within quotes is doubled.
 *
 * @param delimiter by default the one in a first line `sep=`, otherwise a comma
 * @throws QuiverError `bad-request` naming the line, when the table cannot be read
 */
export async function* spreadsheetRecords(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  delimiter: string | undefined,
): AsyncGenerator<CsvRecord, void, undefined> {
  const { start, rest } = await startOf(withoutMarks(strictlyUtf8(chunks)));
  const sep = SEP_LINE.exec(start.toString('utf8'));
  yield* parsed(rest, {
    delimiter: delimiter ?? sep?.[1] ?? DEFAULT_DELIMITER,
    from_line: sep ? 2 : 1,
  });
}

/**
 * Records as Adobe writes them for customer attributes (contract section 17): within quotes, a
 * quote or a backslash is preceded by a backslash.
 *
 * @throws QuiverError as {@link spreadsheetRecords}
 */
export function backslashRecords(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<CsvRecord, void, undefined> {
  return parsed(strictlyUtf8(chunks), { escape: '\\', bom: true });
}

async function* parsed(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  options: Options,
): AsyncGenerator<CsvRecord, void, undefined> {
  const parser = parse({
    ...options,
    // All three, in any mixture; by itself the parser would learn one from the first line and treat
    // the others as text.
    record_delimiter: ['\r\n', '\n', '\r'],
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: 2 * MAX_ROW_BYTES,
  });
  const source = Readable.from(chunks, { objectMode: false });
  source.once('error', (error) => parser.destroy(error));
  const lines = new LineCount();
  try {
    const records = source.pipe(parser) as AsyncIterable<{ readonly record: string[]; readonly info: Info }>;
    for await (const { record, info } of records) {
      yield { cells: record, line: lines.firstLineOf(record, info) };
    }
  } catch (error) {
    throw error instanceof CsvError ? lines.refusalOf(error) : error;
  }
}

/**
 * Reads the beginning of a stream, which may contain a `sep=` line.
 * @returns that, and the whole stream
 */
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
 * Removes byte-order marks at the start of each line outside quotes, wherever the chunks are cut.
 * The parser removes only one at the start of the file, and treats a quote after another mark as
 * text.
 *
 * A quote within quotes is doubled, so an odd number of quotes so far means that the position is
 * within quotes.
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

/**
 * Passes bytes on unchanged up to the first that are not UTF-8, because the parser would silently
 * replace those.
 */
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

/**
 * Numbers lines as an editor does. The parser only says where a record ends, and counts a CRLF
 * within quotes as two lines.
 */
class LineCount {
  #countedTwice = 0;

  /** The line on which a record starts. Must be called once for every record, in order. */
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
