/**
 * The files of batches as they are stored: parts of 256 KiB, each packed with gzip on its own. A
 * part can be read without those before it, so a batch that resumes far into its file, or a single
 * failed row, costs one part and not the whole file.
 */

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** Bytes of a part before it is packed; the last part of a file may be shorter. */
const PART_BYTES = 256 * 1024;
/**
 * The fastest: rows of text shrink to about a fifth with it, and the next levels save little and
 * take twice as long.
 */
const LEVEL = 1;

// Both work on the thread pool and keep nobody waiting who is served by this thread.
const pack = promisify<Buffer, { level: number }, Buffer>(gzip);
const unpack = promisify<Buffer, { maxOutputLength: number; chunkSize: number }, Buffer>(gunzip);

/**
 * Cuts a file into parts as it streams by and packs them. Takes one part of memory, however long
 * the file is.
 */
export class PartPacker {
  readonly #keep: (packed: Buffer) => Promise<void>;
  readonly #part = Buffer.allocUnsafe(PART_BYTES);
  #filled = 0;

  /** @param keep stores the next packed part; the next is packed only when it is done */
  constructor(keep: (packed: Buffer) => Promise<void>) {
    this.#keep = keep;
  }

  /** Takes the next bytes; they are not kept. Throws what `keep` throws. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunk.length - at, PART_BYTES - this.#filled);
      this.#part.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === PART_BYTES) await this.#flush();
    }
  }

  /** Packs what is left as the last part. Throws what `keep` throws. */
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
 * Reads a packed file by the bytes of the unpacked one. Keeps the part that was read last, for rows
 * mostly lie in order.
 */
export class PackedParts {
  readonly #load: (place: number) => Promise<Buffer | undefined>;
  #last: { readonly place: number; readonly part: Buffer } | undefined;

  /** @param load gives the packed part at a place, from 0; undefined behind the last */
  constructor(load: (place: number) => Promise<Buffer | undefined>) {
    this.#load = load;
  }

  /**
   * Reads from the byte `start` to the byte `end`, which is not included, or to the end of the
   * file.
   *
   * @throws what `load` throws; an Error with a `code` of zlib (`Z_DATA_ERROR`) for a part that was
   *   damaged
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
