/**
 * Checks a batch while it is streamed to its file: its size, its header, and how many rows it has
 * (contract section 6).
 *
 * Rows are counted but not parsed: an invalid row fails later, alone. Only the header row is kept
 * in memory.
 */

import { QuiverError } from '../errors.ts';
import { LF } from '../wire/line-feed.ts';
import { type BatchHeader, grouped, MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_ROW_BYTES } from './batch-format.ts';
import { HeaderReader } from './batch-header.ts';
import { BYTE_ORDER_MARK, isBlank } from './cell-text.ts';

export interface BatchLimits {
  /** The most bytes after unpacking; 50,000,000 by default. */
  readonly bytes?: number;
  /** The most rows without the header; 500,000 by default. */
  readonly rows?: number;
}

/** Facts about an accepted file. */
export interface CheckedBatch {
  readonly header: BatchHeader;
  readonly bytes: number;
  /**
   * Includes failing and skipped rows, but not blank lines or the header. The reader finds the same
   * number.
   */
  readonly rows: number;
}

/** Receives the file chunk by chunk and does not keep the chunks. */
export class BatchCheck {
  readonly #beginning = new HeaderReader();
  readonly #maxBytes: number;
  readonly #maxRows: number;
  #inRows = false;
  #bytes = 0;
  #rows = 0;
  #line = 0;
  #lineHasText = false;
  /** Whether the line consists only of byte-order marks so far, and of how many bytes. */
  #isInMarks = true;
  #markBytes = 0;

  constructor(limits: BatchLimits = {}) {
    this.#maxBytes = limits.bytes ?? MAX_BATCH_BYTES;
    this.#maxRows = limits.rows ?? MAX_BATCH_ROWS;
  }

  /**
   * Receives the next bytes of the file.
   *
   * @throws QuiverError `bad-request` when the file is not a batch, `body-too-large` as soon as it
   *   exceeds a limit; the file is refused then, and the check must not be used again
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

  /**
   * Ends the file.
   * @throws QuiverError `bad-request` when it is not a batch
   */
  end(): CheckedBatch {
    const header = this.#beginning.end();
    this.#endMarks();
    return { header, bytes: this.#bytes, rows: this.#rows };
  }

  #countRows(chunk: Uint8Array, from: number): void {
    for (let at = from; at < chunk.length; at += 1) {
      // Only the first character of a row matters; the rest is skipped in one call.
      if (this.#lineHasText) at = chunk.indexOf(LF, at);
      if (at === -1) return;
      const byte = chunk[at]!;
      if (this.#isInMarks && byte === BYTE_ORDER_MARK[this.#markBytes % BYTE_ORDER_MARK.length]) {
        this.#markBytes += 1;
        // The reader does not look further for the text of a line either.
        if (this.#markBytes > MAX_ROW_BYTES) this.#countRow();
        continue;
      }
      this.#endMarks();
      if (byte === LF) this.#endLine();
      else if (!this.#lineHasText && !isBlank(byte)) this.#countRow();
    }
  }

  /** Bytes that start like a byte-order mark but do not end like one are text. */
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
