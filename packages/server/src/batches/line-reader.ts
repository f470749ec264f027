/**
 * Cuts a streamed batch into complete lines after its header (contract section 6).
 *
 * At most one row (1 MiB) is kept between two chunks. The lines do not depend on where the chunks
 * were cut.
 */

import { LF } from '../wire/line-feed.ts';
import { type BatchCursor, type BatchHeader, MAX_ROW_BYTES } from './batch-format.ts';
import { HeaderReader } from './batch-header.ts';
import { allBlank, skipByteOrderMarks } from './cell-text.ts';

const BLOCK_BYTES = 64 * 1024;

/** Where to continue in a batch whose beginning has been read before. */
export interface ResumePoint {
  readonly header: BatchHeader;
  readonly cursor: BatchCursor;
}

/** Receives the lines. */
export interface LineParser {
  /**
   * Receives complete lines of at most {@link MAX_ROW_BYTES} each, ended by a LF except perhaps the
   * last of the file. They must not be kept.
   */
  parse(block: Buffer): void;
  /**
   * Receives a line that is longer than a row may be.
   *
   * @param beginning its first bytes, at least {@link MAX_ROW_BYTES}
   * @param length its total length, including the line end
   * @param blank whether it consists only of blanks
   */
  passLongLine(beginning: Buffer, length: number, blank: boolean): void;
}

/** A reader that receives a file chunk by chunk. */
export class LineReader<Parser extends LineParser> {
  readonly #beginning = new HeaderReader();
  readonly #makeParser: (from: ResumePoint) => Parser;
  #header: BatchHeader | undefined;
  #parser: Parser | undefined;
  /**
   * An unfinished line: its first bytes, its length so far, and whether the bytes not kept are
   * blanks.
   */
  #open: Buffer = Buffer.alloc(0);
  #openLength = 0;
  #restIsBlank = true;

  /**
   * @param makeParser called once the header is known
   * @param from where the first chunk starts; the beginning of the file by default
   */
  constructor(makeParser: (from: ResumePoint) => Parser, from?: ResumePoint) {
    this.#makeParser = makeParser;
    if (from !== undefined) this.#start(from);
  }

  /** Undefined until the header row is complete. */
  get header(): BatchHeader | undefined {
    return this.#header;
  }

  /** Undefined until the header row is complete. */
  get parser(): Parser | undefined {
    return this.#parser;
  }

  /**
   * Receives the next bytes and does not keep them.
   *
   * @throws QuiverError `bad-request` when the file is not a batch; never because of a row
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    if (this.#parser === undefined) {
      at = this.#beginning.push(chunk);
      const header = this.#beginning.header;
      if (header === undefined) return;
      this.#start({ header, cursor: header.end });
    }
    for (; at < chunk.length; at += BLOCK_BYTES) this.#readBlock(chunk.subarray(at, at + BLOCK_BYTES));
  }

  /**
   * Ends the file.
   * @throws QuiverError as {@link push}
   */
  end(): void {
    if (this.#parser === undefined) {
      const header = this.#beginning.end();
      this.#start({ header, cursor: header.end });
    }
    if (this.#openLength > 0) this.#endOpenLine(0);
  }

  #start(from: ResumePoint): void {
    this.#header = from.header;
    this.#parser = this.#makeParser(from);
  }

  #readBlock(block: Uint8Array): void {
    let at = 0;
    if (this.#openLength > 0) {
      at = block.indexOf(LF) + 1;
      this.#keepOpen(at === 0 ? block : block.subarray(0, at));
      if (at === 0) return;
      this.#endOpenLine(1);
    }
    const end = block.lastIndexOf(LF) + 1;
    if (end > at) {
      this.#parser!.parse(bufferOf(block.subarray(at, end)));
      at = end;
    }
    if (at < block.length) this.#keepOpen(block.subarray(at));
  }

  #keepOpen(bytes: Uint8Array): void {
    // Room for a row and its LF. A longer line fails, and only its beginning is needed for that.
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
  #endOpenLine(lineEnd: 0 | 1): void {
    const length = this.#openLength;
    const restIsBlank = this.#restIsBlank;
    this.#openLength = 0;
    this.#restIsBlank = true;
    if (length - lineEnd <= MAX_ROW_BYTES) {
      this.#parser!.parse(this.#open.subarray(0, length));
    } else {
      const kept = MAX_ROW_BYTES + 1;
      const blank = restIsBlank && allBlank(this.#open, skipByteOrderMarks(this.#open, 0, kept), kept);
      this.#parser!.passLongLine(this.#open, length, blank);
    }
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
