/** Writes the batch format (contract section 6). What it writes, the reader returns to the letter. */

import type { ReadBytes } from '../storage/batch-file-store.ts';
import { LF } from '../wire/line-feed.ts';
import { type BatchHeader, type BatchRow, grouped } from './batch-format.ts';
import type { BatchKey } from './column-name.ts';

/**
 * `batch=` and the header row, with its line end.
 *
 * @param names attribute names without `profile.`; they are written as they are, the checker judges them
 * @throws RangeError when a name is not well-formed Unicode
 */
export function writeHeader(key: BatchKey, names: readonly string[]): string {
  return `batch=${[key, ...names.map(writeCell)].join(',')}\n`;
}

/**
 * One row with its line end.
 *
 * @param id with its location hint, if it bears one
 * @param values in the order of the header's names; undefined and empty ones set nothing, for the format has no word for them
 * @throws RangeError when the id or a value is not well-formed Unicode
 */
export function writeRow(id: string, values: readonly (string | undefined)[]): string {
  let row = writeCell(id);
  let empty = '';
  for (const value of values) {
    empty += ',';
    if (value === undefined || value === '') continue;
    row += empty + writeCell(value);
    empty = '';
  }
  // A row of nothing but line end would be no row at all.
  return row === '' ? ',\n' : `${row}\n`;
}

/**
 * A file of some rows of a batch, to the letter as they came in, that can be sent again as it is.
 *
 * @param read reads the file that the rows came from
 * @param rows where they lie in it, for instance the failed rows of a reader
 */
export async function* copyRows(
  header: BatchHeader,
  rows: Iterable<Pick<BatchRow, 'start' | 'next'>> | AsyncIterable<Pick<BatchRow, 'start' | 'next'>>,
  read: ReadBytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(writeHeader(header.key, header.names));
  for await (const row of rows) {
    let last: number | undefined;
    let copied = 0;
    for await (const chunk of read(row.start, row.next)) {
      if (chunk.length === 0) continue;
      copied += chunk.length;
      last = chunk.at(-1);
      yield chunk;
    }
    if (copied !== row.next - row.start) {
      throw new RangeError(`the batch ends at byte ${grouped(row.start + copied)}, within a row`);
    }
    if (last !== LF) yield LINE_END;
  }
}

const LINE_END = Buffer.from('\n');

/** One cell. Encodes all but letters, digits and `-_.!~*'()`, so that the file is right for servers that decode it as a form as well. */
export function writeCell(text: string): string {
  if (PLAIN.test(text)) return text;
  if (!text.isWellFormed()) throw new RangeError(`${JSON.stringify(text)} is not well-formed Unicode`);
  return encodeURIComponent(text);
}
const PLAIN = /^[\w.!~*'()-]*$/;
