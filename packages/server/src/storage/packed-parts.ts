/**
 * The stored form of batch files: parts of 256 KiB, each compressed separately with gzip. A part
 * can be read without the parts before it, so resuming far into a file, or reading a single failed
 * row, costs one part instead of the whole file.
 */

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** Size of a part before compression, in bytes. The last part of a file may be shorter. */
const PART_BYTES = 256 * 1024;
/**
 * The fastest level: rows of text shrink to about a fifth, and the next levels save little and take
 * twice as long.
 */
const LEVEL = 1;

// Both run on the thread pool, so they do not block requests on this thread.
const pack = promisify<Buffer, { level: number }, Buffer>(gzip);
const unpack = promisify<Buffer, { maxOutputLength: number; chunkSize: number }, Buffer>(gunzip);

/**
 * Cuts a file into parts while it is streamed, and compresses them. It needs memory for one part,
 * whatever the length of the file.
 */
export class PartPacker {
  readonly #keep: (packed: Buffer) => Promise<void>;
  readonly #part = Buffer.allocUnsafe(PART_BYTES);
  #filled = 0;

  /** @param keep stores a compressed part; the next part is compressed only after it returns */
  constructor(keep: (packed: Buffer) => Promise<void>) {
    this.#keep = keep;
  }

  /** Takes the next bytes and does not keep a reference to them. Throws what `keep` throws. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunk.length - at, PART_BYTES - this.#filled);
      this.#part.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === PART_BYTES) await this.#flush();
    }
  }

  /** Compresses the rest as the last part. Throws what `keep` throws. */
  async end(): Promise<void> {
    if (this.#filled > 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    const packed = await pack(this.#part.subarray(0, this.#filled), { level: LEVEL });
    this.#filled = 0;
    await this.#keep(packed);
  }
}

/**
 * Reads a packed file by offsets in the unpacked file. Caches the part read last, because rows are
 * mostly read in order.
 */
export class PackedParts {
  readonly #load: (place: number) => Promise<Buffer | undefined>;
  #last: { readonly place: number; readonly part: Buffer } | undefined;

  /**
   * @param load returns the compressed part with the given index, from 0; undefined after the last
   */
  constructor(load: (place: number) => Promise<Buffer | undefined>) {
    this.#load = load;
  }

  /**
   * Reads from the byte `start` up to but not including `end`, or to the end of the file.
   *
   * @throws what `load` throws; an Error with a zlib `code` (`Z_DATA_ERROR`) for a damaged part
   */
  async *read(start: number, end = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array, void, undefined> {
    for (let place = Math.floor(start / PART_BYTES); place * PART_BYTES < end; place += 1) {
      const part = await this.#partAt(place);
      if (part === undefined) return;
      const at = place * PART_BYTES;
      const from = Math.max(0, start - at);
      if (from < part.length) yield part.subarray(from, Math.min(part.length, end - at));
    }
  }

  async #partAt(place: number): Promise<Buffer | undefined> {
    if (this.#last?.place === place) return this.#last.part;
    const packed = await this.#load(place);
    if (packed === undefined) return undefined;
    const part = await unpack(packed, { maxOutputLength: PART_BYTES, chunkSize: PART_BYTES });
    this.#last = { place, part };
    return part;
  }
}
