/**
 * Reads a batch as it streams by: bytes in, rows out (spec section 6). What a line comes to is in `row-parser.ts`.
 *
 * At most one row (1 MiB) is held between two chunks, and the rows do not depend on where the chunks were cut.
 */

import { type BatchCursor, type BatchHeader, type BatchRow, MAX_ROW_BYTES } from './batch-format.ts';
import { HeaderReader } from './batch-header.ts';
import { allBlank, RowParser } from './row-parser.ts';

const LF = 0x0a;
const BLOCK_BYTES = 64 * 1024;

/** Where to go on in a batch whose beginning has been read before. */
export interface ResumePoint {
  readonly header: BatchHeader;
  readonly cursor: BatchCursor;
}

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
  readonly #beginning = new HeaderReader();
  #header: BatchHeader | undefined;
  #parser: RowParser | undefined;
  /** A line whose end has not come yet: its first bytes, how long it is so far, and whether those not kept are blanks. */
  #open: Buffer = Buffer.alloc(0);
  #openLength = 0;
  #restIsBlank = true;

  /** @param from where the first chunk will begin; the beginning of the file by default */
  constructor(from?: ResumePoint) {
    if (from !== undefined) this.#start(from.header, from.cursor);
  }

  /** Undefined until the header row has come. */
  get header(): BatchHeader | undefined {
    return this.#header;
  }

  /**
   * Takes the next bytes; they are not kept.
   *
   * @returns the rows that end in them, in order
   * @throws QuiverError `bad-request` when the file is no batch; never for a row
   */
  push(chunk: Uint8Array): BatchRow[] {
    const rows: BatchRow[] = [];
    let at = 0;
    if (this.#parser === undefined) {
      at = this.#beginning.push(chunk);
      const header = this.#beginning.header;
      if (header === undefined) return rows;
      this.#start(header, header.end);
    }
    for (; at < chunk.length; at += BLOCK_BYTES) this.#readBlock(chunk.subarray(at, at + BLOCK_BYTES), rows);
    return rows;
  }

  /** Says that the file ends here. @returns the last row, if it had no line end. @throws QuiverError as {@link push} */
  end(): BatchRow[] {
    const rows: BatchRow[] = [];
    if (this.#parser === undefined) {
      const header = this.#beginning.end();
      this.#start(header, header.end);
    }
    if (this.#openLength > 0) this.#endOpenLine(0, rows);
    return rows;
  }

  #start(header: BatchHeader, cursor: BatchCursor): void {
    this.#header = header;
    this.#parser = new RowParser(header, cursor);
  }

  #readBlock(block: Uint8Array, rows: BatchRow[]): void {
    let at = 0;
    if (this.#openLength > 0) {
      at = block.indexOf(LF) + 1;
      this.#keepOpen(at === 0 ? block : block.subarray(0, at));
      if (at === 0) return;
      this.#endOpenLine(1, rows);
    }
    const end = block.lastIndexOf(LF) + 1;
    if (end > at) {
      this.#parser!.parse(bufferOf(block.subarray(at, end)), rows);
      at = end;
    }
    if (at < block.length) this.#keepOpen(block.subarray(at));
  }

  #keepOpen(bytes: Uint8Array): void {
    // Room for a row and its LF: a longer line is failed, and only its beginning is needed for that.
    const room = MAX_ROW_BYTES + 1;
    const kept = Math.min(this.#openLength, room);
    const added = Math.min(bytes.length, room - kept);
    if (kept + added > this.#open.length) {
      const larger = Buffer.allocUnsafe(Math.min(room, Math.max(kept + added, 2 * this.#open.length)));
      larger.set(this.#open.subarray(0, kept));
      this.#open = larger;
    }
    this.#open.set(bytes.subarray(0, added), kept);
    this.#openLength += bytes.length;
    if (added < bytes.length && this.#restIsBlank) {
      const end = bytes.at(-1) === LF ? bytes.length - 1 : bytes.length;
      this.#restIsBlank = allBlank(bytes, added, end);
    }
  }

  /** @param lineEnd 1 when a LF ended the line, 0 at the end of the file */
  #endOpenLine(lineEnd: 0 | 1, rows: BatchRow[]): void {
    const length = this.#openLength;
    const restIsBlank = this.#restIsBlank;
    this.#openLength = 0;
    this.#restIsBlank = true;
    if (length - lineEnd <= MAX_ROW_BYTES) {
      this.#parser!.parse(this.#open.subarray(0, length), rows);
    } else {
      const blank = restIsBlank && allBlank(this.#open, 0, MAX_ROW_BYTES + 1);
      this.#parser!.passLongLine(this.#open, length, blank, rows);
    }
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
