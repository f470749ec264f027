/**
 * The files of accepted batches in a Redis or Valkey Cluster, so that any process on any machine
 * can apply them. A file is stored as compressed parts in one slot, and one hash maps batches to
 * files. Parts of an unfinished upload expire.
 */

import { QuiverError } from '../../errors.ts';
import type { BatchFileStore, IncomingFile, ReadBytes } from '../batch-file-store.ts';
import { PackedParts, PartPacker } from '../packed-parts.ts';
import { newVersion } from './cells.ts';
import { keepParts, noteFile, removeParts, writePart } from './lua-scripts.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

/** How long a part waits for the rest of its file, in milliseconds. */
const UNFINISHED_KEPT_MS = 60 * 60 * 1000;
const PARTS_AT_ONCE = 100;

export class RedisBatchFiles implements BatchFileStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async start(): Promise<void> {}

  async receive(): Promise<IncomingFile> {
    const file = newVersion();
    let parts = 0;
    let isKept = false;
    const packer = new PartPacker(async (packed) => {
      parts += 1;
      const keys = [this.#partKey(file, parts - 1)];
      await this.#cluster.write({ script: writePart, keys, args: [packed, UNFINISHED_KEPT_MS] });
    });
    return {
      write: (chunk) => packer.write(chunk),
      keepAs: async (batchId) => {
        await packer.end();
        // Noted first: a note without a batch is found and removed eventually, but parts without a
        // note would stay forever.
        await this.#note(batchId, `${parts}:${file}`);
        isKept = true;
        for (const keys of this.#groups(file, parts)) {
          const [status] = await this.#cluster.write({ script: keepParts, keys, args: [] });
          if (String(status) !== 'done') {
            throw new QuiverError('not-done', 'The upload took too long and parts of it are gone');
          }
        }
      },
      discard: async () => {
        if (!isKept) await this.#removeParts(file, parts);
      },
    };
  }

  readFrom(batchId: string, start: number): AsyncIterable<Uint8Array> {
    return this.#partsOf(batchId).read(start);
  }

  reader(batchId: string): ReadBytes {
    const parts = this.#partsOf(batchId);
    return (start, end) => parts.read(start, end);
  }

  async ids(): Promise<string[]> {
    const ids = await this.#cluster.read<Buffer[]>(latest(), this.#filesKey(), 'HKEYS');
    return ids.map(String);
  }

  async remove(batchId: string): Promise<void> {
    const found = await this.#find(batchId);
    if (!found) return;
    await this.#removeParts(found.file, found.parts);
    await this.#note(batchId, '');
  }

  #partsOf(batchId: string): PackedParts {
    let where: { file: string; parts: number } | undefined;
    return new PackedParts(async (place) => {
      where ??= await this.#find(batchId);
      if (!where) throw new QuiverError('internal', `The file of batch ${batchId} is not there`);
      if (place >= where.parts) return undefined;
      const key = this.#partKey(where.file, place);
      const packed = await this.#cluster.read<Buffer | null>(latest(), key, 'GET');
      if (packed) return packed;
      throw new QuiverError('internal', `Part ${place} of the file of batch ${batchId} is not there`);
    });
  }

  async #find(batchId: string): Promise<{ file: string; parts: number } | undefined> {
    const where = await this.#cluster.read<Buffer | null>(latest(), this.#filesKey(), 'HGET', batchId);
    if (!where) return undefined;
    const [parts, file] = String(where).split(':') as [string, string];
    return { file, parts: Number(parts) };
  }

  async #removeParts(file: string, parts: number): Promise<void> {
    for (const keys of this.#groups(file, parts)) {
      await this.#cluster.write({ script: removeParts, keys, args: [] });
    }
  }

  async #note(batchId: string, where: string): Promise<void> {
    await this.#cluster.write({ script: noteFile, keys: [this.#filesKey()], args: [batchId, where] });
  }

  /** The keys of the parts, a few at a time; a trace is written before each group. */
  *#groups(file: string, parts: number): Generator<string[]> {
    for (let from = 0; from < parts; from += PARTS_AT_ONCE) {
      const count = Math.min(PARTS_AT_ONCE, parts - from);
      const keys = Array.from({ length: count }, (_, index) => this.#partKey(file, from + index));
      yield [`${this.#prefix}:file:{${file}}:touched`, ...keys];
    }
  }

  #partKey(file: string, place: number): string {
    return `${this.#prefix}:file:{${file}}:${place}`;
  }

  #filesKey(): string {
    return `${this.#prefix}:files:{files}`;
  }
}
