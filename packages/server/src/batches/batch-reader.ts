/**
 * Reads a batch from a stream: bytes in, rows out (contract section 6). `row-parser.ts` parses
 * lines, and `line-reader.ts` holds what is needed of the file.
 */

import type { BatchHeader, BatchRow } from './batch-format.ts';
import { LineReader, type ResumePoint } from './line-reader.ts';
import { RowParser } from './row-parser.ts';

/** A reader that receives a file chunk by chunk. */
export class BatchReader {
  readonly #lines: LineReader<RowParser>;

  /** @param from where the first chunk starts; the beginning of the file by default */
  constructor(from?: ResumePoint) {
    this.#lines = new LineReader(({ header, cursor }) => new RowParser(header, cursor), from);
  }

  /** Undefined until the header row is complete. */
  get header(): BatchHeader | undefined {
    return this.#lines.header;
  }

  /**
   * Receives the next bytes and does not keep them.
   *
   * @returns the rows that end in them, in order
   * @throws QuiverError `bad-request` when the file is not a batch; never because of a row
   */
  push(chunk: Uint8Array): BatchRow[] {
    this.#lines.push(chunk);
    return this.#takeRows();
  }

  /**
   * Ends the file.
   * @returns the last row, if it had no line end
   * @throws QuiverError as {@link push}
   */
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
