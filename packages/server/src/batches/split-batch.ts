/**
 * Splits a batch that exceeds the limits into several, each with the header (contract section 6).
 */

import { QuiverError } from '../errors.ts';
import type { ReadBytes } from '../storage/batch-file-store.ts';
import type { BatchLimits } from './batch-check.ts';
import { type BatchHeader, type BatchRow, grouped, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from './batch-format.ts';
import { writeHeader } from './batch-text.ts';

/** Consecutive rows of a file that form one batch together with its header. */
export interface BatchPart {
  /** Its range of bytes in the file; the end is exclusive. */
  readonly start: number;
  readonly end: number;
  /** The line number of its first row in the file. */
  readonly firstLine: number;
  readonly rows: number;
  /** Its size as a separate batch, including the header. */
  readonly bytes: number;
}

/** Receives the rows as a reader finds them, and determines the parts. Keeps no row. */
export class BatchSplitter {
  readonly #maxBytes: number;
  readonly #maxRows: number;
  readonly #headerBytes: number;
  readonly #parts: BatchPart[] = [];
  #part: BatchPart | undefined;

  constructor(header: BatchHeader, limits: BatchLimits = {}) {
    this.#maxBytes = limits.bytes ?? MAX_BATCH_BYTES;
    this.#maxRows = limits.rows ?? MAX_BATCH_ROWS;
    this.#headerBytes = headerOf(header).length;
  }

  /**
   * Receives the next row.
   * @throws QuiverError `body-too-large` when the row alone exceeds the limit
   */
  add(row: BatchRow): void {
    const part = this.#part;
    if (part !== undefined && part.rows < this.#maxRows) {
      const bytes = this.#headerBytes + row.next - part.start;
      if (bytes <= this.#maxBytes) {
        this.#part = { ...part, end: row.next, rows: part.rows + 1, bytes };
        return;
      }
    }
    if (part !== undefined) this.#parts.push(part);
    const bytes = this.#headerBytes + row.next - row.start;
    if (bytes > this.#maxBytes) {
      const message = `line ${grouped(row.line)}: with the header the row is larger than ${grouped(this.#maxBytes)} bytes`;
      throw new QuiverError('body-too-large', message);
    }
    this.#part = { start: row.start, end: row.next, firstLine: row.line, rows: 1, bytes };
  }

  /** The parts in file order; none when there are no rows. */
  end(): readonly BatchPart[] {
    if (this.#part !== undefined) this.#parts.push(this.#part);
    this.#part = undefined;
    return this.#parts;
  }
}

/**
 * A part as a separate batch, as a stream.
 * @param read reads the file that was split
 */
export async function* partBytes(
  header: BatchHeader,
  part: BatchPart,
  read: ReadBytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield headerOf(header);
  yield* read(part.start, part.end);
}

/** The line in the split file for a line of a part, in which the header is line 1. */
export function lineInWhole(part: BatchPart, line: number): number {
  return line < 2 ? 1 : part.firstLine + line - 2;
}

function headerOf(header: BatchHeader): Buffer {
  return Buffer.from(writeHeader(header.key, header.names));
}
