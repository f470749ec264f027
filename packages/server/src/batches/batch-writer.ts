/** Copies rows of a batch into a file that can be sent again (contract section 6). */

import type { ReadBytes } from '../storage/batch-file-store.ts';
import { LF } from '../wire/line-feed.ts';
import { type BatchHeader, type BatchRow, grouped } from './batch-format.ts';
import { writeHeader } from './batch-text.ts';

/**
 * A file of some rows of a batch, exactly as they were sent, that can be sent again.
 *
 * @param read reads the file that contains the rows
 * @param rows their positions in it, for instance the failed rows of a reader
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
