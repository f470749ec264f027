/**
 * Reads a batch as it streams by: bytes in, rows out (contract section 6). What a line comes to is in `row-parser.ts`, what is held of the file
 * in `line-reader.ts`.
 */

import type { BatchHeader, BatchRow } from './batch-format.ts';
import { LineReader, type ResumePoint } from './line-reader.ts';
import { RowParser } from './row-parser.ts';

const BLOCK_BYTES = 64 * 1024;

export interface ReadBatchOptions {
  /** Where the first chunk begins; the beginning of the file by default. */
  readonly from?: ResumePoint | undefined;
  /** How many rows a step holds, the last one fewer; 1,000 by default. */
  readonly rowsPerStep?: number;
}

/**
 * Reads a stream of bytes as steps of rows; see {@link BatchReader}.
 *
 * @throws QuiverError `bad-request` when the file is no batch
 * @example
 * for await (const rows of readBatch(createReadStream(path))) await apply(rows);
 */
export async function* readBatch(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadBatchOptions = {},
): AsyncGenerator<readonly BatchRow[], void, undefined> {
  const rowsPerStep = options.rowsPerStep ?? 1000;
  const reader = new BatchReader(options.from);
  let waiting: BatchRow[] = [];
  for await (const chunk of chunks) {
    // However large the chunks are, no more rows wait than fit into one block.
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      waiting = waiting.concat(reader.push(chunk.subarray(at, at + BLOCK_BYTES)));
      let taken = 0;
      for (; waiting.length - taken >= rowsPerStep; taken += rowsPerStep) {
        yield waiting.slice(taken, taken + rowsPerStep);
      }
      if (taken > 0) waiting = waiting.slice(taken);
    }
  }
  waiting = waiting.concat(reader.end());
  for (let taken = 0; taken < waiting.length; taken += rowsPerStep) {
    yield waiting.slice(taken, taken + rowsPerStep);
  }
}

/** A reader that is fed chunk by chunk. */
export class BatchReader {
  readonly #lines: LineReader<RowParser>;

  /** @param from where the first chunk will begin; the beginning of the file by default */
  constructor(from?: ResumePoint) {
    this.#lines = new LineReader(({ header, cursor }) => new RowParser(header, cursor), from);
  }

  /** Undefined until the header row has come. */
  get header(): BatchHeader | undefined {
    return this.#lines.header;
  }

  /**
   * Takes the next bytes; they are not kept.
   *
   * @returns the rows that end in them, in order
   * @throws QuiverError `bad-request` when the file is no batch; never for a row
   */
  push(chunk: Uint8Array): BatchRow[] {
    this.#lines.push(chunk);
    return this.#takeRows();
  }

  /** Says that the file ends here. @returns the last row, if it had no line end. @throws QuiverError as {@link push} */
  end(): BatchRow[] {
    this.#lines.end();
    return this.#takeRows();
  }

  #takeRows(): BatchRow[] {
    const { parser } = this.#lines;
    if (parser === undefined) return [];
    const { rows } = parser;
    parser.rows = [];
    return rows;
  }
}
