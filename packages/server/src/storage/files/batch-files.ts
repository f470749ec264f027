/**
 * The files of accepted batches in the data folder: the contract of `storage/batch-file-store.ts`
 * for processes of one machine.
 *
 * A file consists of its compressed parts one after another (`gzip -dc` reads it), then the length
 * of each part, then the number of parts; these are unsigned little-endian numbers of four bytes.
 */

import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchFileStore, IncomingFile, ReadBytes } from '../batch-file-store.ts';
import { PackedParts, PartPacker } from '../packed-parts.ts';
import { syncFolder } from '../sync-folder.ts';

const PART = '.part';
const BATCH = '.batch';
const NUMBER_BYTES = 4;
/** An unfinished file this old belongs to no upload any more, in milliseconds. */
const STALE_PART_MS = 60 * 60 * 1000;

export class BatchFiles implements BatchFileStore {
  readonly #folder: string;

  /** @param folder created by {@link start} */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith(PART)) continue;
      const path = join(this.#folder, name);
      const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
      if (age > STALE_PART_MS) await rm(path, { force: true });
    }
  }

  async receive(): Promise<IncomingFile> {
    const part = join(this.#folder, `${randomBytes(12).toString('hex')}${PART}`);
    const handle = await open(part, 'wx', 0o600);
    let isOpen = true;
    const close = async () => {
      if (isOpen) await handle.close();
      isOpen = false;
    };
    const lengths: number[] = [];
    const packer = new PartPacker(async (packed) => {
      await writeWhole(handle, packed);
      lengths.push(packed.length);
    });
    return {
      write: (chunk) => packer.write(chunk),
      keepAs: async (batchId) => {
        await packer.end();
        await writeWhole(handle, numbers([...lengths, lengths.length]));
        await handle.sync();
        await close();
        await rename(part, this.#path(batchId));
        await syncFolder(this.#folder);
      },
      discard: async () => {
        await close();
        await rm(part, { force: true });
      },
    };
  }

  readFrom(batchId: string, start: number): AsyncIterable<Uint8Array> {
    return partsOf(this.#path(batchId)).read(start);
  }

  reader(batchId: string): ReadBytes {
    const parts = partsOf(this.#path(batchId));
    return (start, end) => parts.read(start, end);
  }

  async ids(): Promise<string[]> {
    const names = await readdir(this.#folder);
    return names.filter((name) => name.endsWith(BATCH)).map((name) => name.slice(0, -BATCH.length));
  }

  async remove(batchId: string): Promise<void> {
    await rm(this.#path(batchId), { force: true });
  }

  #path(batchId: string): string {
    return join(this.#folder, `${batchId}${BATCH}`);
  }
}

/** The parts of a file. It is open only while one is read, so nothing has to be closed. */
function partsOf(path: string): PackedParts {
  let ends: readonly number[] | undefined;
  return new PackedParts(async (place) => {
    const handle = await open(path, 'r');
    try {
      ends ??= await endsOfParts(handle, path);
      const end = ends[place];
      if (end === undefined) return undefined;
      const start = ends[place - 1] ?? 0;
      return await readWhole(handle, start, end - start);
    } finally {
      await handle.close();
    }
  });
}

/** Where the parts of a file end. */
async function endsOfParts(handle: FileHandle, path: string): Promise<readonly number[]> {
  const { size } = await handle.stat();
  const damaged = new RangeError(`${path} is damaged: the lengths of its parts and its own do not agree`);
  const countAt = size - NUMBER_BYTES;
  if (countAt < 0) throw damaged;
  const count = (await readWhole(handle, countAt, NUMBER_BYTES)).readUInt32LE(0);
  const lengthsAt = countAt - count * NUMBER_BYTES;
  if (lengthsAt < 0) throw damaged;
  const lengths = await readWhole(handle, lengthsAt, count * NUMBER_BYTES);
  const ends: number[] = [];
  for (let place = 0; place < count; place += 1) {
    ends.push((ends.at(-1) ?? 0) + lengths.readUInt32LE(place * NUMBER_BYTES));
  }
  if ((ends.at(-1) ?? 0) !== lengthsAt) throw damaged;
  return ends;
}

function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * NUMBER_BYTES);
  for (const [place, value] of values.entries()) bytes.writeUInt32LE(value, place * NUMBER_BYTES);
  return bytes;
}

async function readWhole(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await handle.read(bytes, read, length - read, position + read);
    if (bytesRead === 0) throw new RangeError('the file of a batch ends too early');
    read += bytesRead;
  }
  return bytes;
}

async function writeWhole(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    written += (await handle.write(chunk, written)).bytesWritten;
  }
}
