/**
 * Reads a batch as it streams by: bytes in, rows out (contract section 6). What a line comes to is
 * in `row-parser.ts`, what is held of the file in `line-reader.ts`.
 */

import type { BatchHeader, BatchRow } from './batch-format.ts';
import { LineReader, type ResumePoint } from './line-reader.ts';
import { RowParser } from './row-parser.ts';

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

  /**
   * Says that the file ends here. @returns the last row, if it had no line end. @throws QuiverError
   * as {@link push}
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
