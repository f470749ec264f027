/** The files of accepted batches in the data folder: the contract of `storage/batch-file-store.ts` for processes of one machine. */

import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchFileStore, IncomingFile, ReadBytes } from '../storage/batch-file-store.ts';
import { syncFolder } from '../storage/sync-folder.ts';

const PART = '.part';
const BATCH = '.batch';
const READ_BYTES = 256 * 1024;
/** A part this old belongs to no upload any more, in milliseconds. */
const STALE_PART = 60 * 60 * 1000;

export class BatchFiles implements BatchFileStore {
  readonly #folder: string;

  /** @param folder made by {@link start} */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith(PART)) continue;
      const path = join(this.#folder, name);
      const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
      if (age > STALE_PART) await rm(path, { force: true });
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
    return {
      write: (chunk) => writeWhole(handle, chunk),
      keepAs: async (batchId) => {
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
    return createReadStream(this.#path(batchId), { start, highWaterMark: READ_BYTES });
  }

  reader(batchId: string): ReadBytes {
    return (start, end) => createReadStream(this.#path(batchId), { start, end: end - 1 });
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

async function writeWhole(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    written += (await handle.write(chunk, written)).bytesWritten;
  }
}
