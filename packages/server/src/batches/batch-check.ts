/**
 * Checks a batch while it streams to where it is kept: its size, its beginning, how many rows it
 * has (contract section 6).
 *
 * Rows are counted, not read: a row that is wrong fails alone, later. Nothing of the file is kept
 * but its header row.
 */

import { QuiverError } from '../errors.ts';
import { LF } from '../wire/line-feed.ts';
import { type BatchHeader, grouped, MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_ROW_BYTES } from './batch-format.ts';
import { HeaderReader } from './batch-header.ts';
import { BYTE_ORDER_MARK, isBlank } from './cell-text.ts';

export interface BatchLimits {
  /** The most bytes, unpacked; 50,000,000 by default. */
  readonly bytes?: number;
  /** The most rows, the header not counted; 500,000 by default. */
  readonly rows?: number;
}

/** What an accepted file is. */
export interface CheckedBatch {
  readonly header: BatchHeader;
  readonly bytes: number;
  /** Failing and skipped rows too; blank lines and the header not. The reader finds as many. */
  readonly rows: number;
}

/** Is fed the file chunk by chunk; chunks are not kept. */
export class BatchCheck {
  readonly #beginning = new HeaderReader();
  readonly #maxBytes: number;
  readonly #maxRows: number;
  #inRows = false;
  #bytes = 0;
  #rows = 0;
  #line = 0;
  #lineHasText = false;
  /**
   * Whether nothing but byte-order marks has come of the line so far, and how many bytes of them.
   */
  #isInMarks = true;
  #markBytes = 0;

  constructor(limits: BatchLimits = {}) {
    this.#maxBytes = limits.bytes ?? MAX_BATCH_BYTES;
    this.#maxRows = limits.rows ?? MAX_BATCH_ROWS;
  }

  /**
   * Takes the next bytes of the file.
   *
   * @throws QuiverError `bad-request` when the file is no batch, `body-too-large` as soon as it passes a limit; the file is then
   *   refused, and the check may not be used any more
   */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      const where = this.#inRows ? `; row ${grouped(this.#rows + 1)} does not fit any more` : '';
      throw new QuiverError(
        'body-too-large',
        `the file is larger than ${grouped(this.#maxBytes)} bytes${where}`,
      );
    }
    let at = 0;
    if (!this.#inRows) {
      at = this.#beginning.push(chunk);
      const header = this.#beginning.header;
      if (header === undefined) return;
      this.#inRows = true;
      this.#line = header.end.line;
    }
    this.#countRows(chunk, at);
  }

  /** Says that the file ends here. @throws QuiverError `bad-request` when it is no batch */
  end(): CheckedBatch {
    const header = this.#beginning.end();
    this.#endMarks();
    return { header, bytes: this.#bytes, rows: this.#rows };
  }

  #countRows(chunk: Uint8Array, from: number): void {
    for (let at = from; at < chunk.length; at += 1) {
      // Of a row only its first letter counts; the rest is passed in one call.
      if (this.#lineHasText) at = chunk.indexOf(LF, at);
      if (at === -1) return;
      const byte = chunk[at]!;
      if (this.#isInMarks && byte === BYTE_ORDER_MARK[this.#markBytes % BYTE_ORDER_MARK.length]) {
        this.#markBytes += 1;
        // The reader looks no further for the text of a line.
        if (this.#markBytes > MAX_ROW_BYTES) this.#countRow();
        continue;
      }
      this.#endMarks();
      if (byte === LF) this.#endLine();
      else if (!this.#lineHasText && !isBlank(byte)) this.#countRow();
    }
  }

  /** What begins like a byte-order mark and does not end like one is text. */
  #endMarks(): void {
    if (this.#isInMarks && this.#markBytes % BYTE_ORDER_MARK.length > 0) this.#countRow();
    this.#isInMarks = false;
  }

  #endLine(): void {
    this.#lineHasText = false;
    this.#isInMarks = true;
    this.#markBytes = 0;
    this.#line += 1;
  }

  #countRow(): void {
    this.#lineHasText = true;
    this.#isInMarks = false;
    this.#rows += 1;
    if (this.#rows <= this.#maxRows) return;
    const where = `row ${grouped(this.#rows)}, on line ${grouped(this.#line)}, is one too many`;
    const message = `the file has more than ${grouped(this.#maxRows)} rows; ${where}`;
    throw new QuiverError('body-too-large', message);
  }
}
