/**
 * Accepts an uploaded batch: checks it while it is streamed to disk, and queues it when it is
 * complete (contract section 6).
 */

import { randomInt } from 'node:crypto';
import type { SourceIds } from '../domain/customer-attributes.ts';
import { QuiverError } from '../errors.ts';
import type { BatchFileStore } from '../storage/batch-file-store.ts';
import type { AcceptedBatch, BatchStore, BatchVersion } from '../storage/batch-store.ts';
import { tooSlow } from '../wire/body.ts';
import type { HttpRequest } from '../wire/request.ts';
import { unpackedBody } from '../wire/streamed-body.ts';
import { BatchCheck } from './batch-check.ts';
import { grouped, MAX_BATCH_BYTES } from './batch-format.ts';
import { backslashRecords } from './csv-records.ts';
import { CustomerFileWriter, type CustomerHeader } from './customer-file.ts';
import { unpackedFile } from './unpacked-file.ts';

/**
 * An upload that is not complete after this time is refused, in milliseconds; a silent connection
 * is closed sooner.
 */
const MOST_TIME = 300_000;

/** What is known of a stored file. */
interface Kept {
  readonly rows: number;
  readonly bytes: number;
}

export interface AcceptBatchParts {
  readonly batches: BatchStore;
  readonly files: BatchFileStore;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Accepts one upload. When this returns, its file and its place in the queue are on disk.
 *
 * Memory use does not depend on the size of the file: each chunk is checked, written and dropped
 * before the next is read. A compressed body is unpacked chunk by chunk too, and its unpacked size
 * counts.
 *
 * @returns the batch's id: `{client}-{epoch ms}-{8 digits}`
 * @throws QuiverError `bad-request`, `body-too-large`, `insufficient-storage`; nothing of the file
 *   is kept then
 */
export async function acceptBatch(
  parts: AcceptBatchParts,
  client: string,
  version: BatchVersion,
  request: HttpRequest,
): Promise<string> {
  const check = new BatchCheck();
  async function* checked(): AsyncGenerator<Uint8Array> {
    for await (const chunk of inTime(unpackedBody(request))) {
      check.push(chunk);
      yield chunk;
      free(chunk);
    }
  }
  return (await keepBatch(parts, { client, version }, checked(), () => check.end())).id;
}

/**
 * Accepts a file of customer attributes: as {@link acceptBatch}, but the table is converted while
 * it is streamed to disk.
 *
 * @param ids the kind of the source's ids
 * @param ready called once the file is known to be valid, before it is queued; its error is passed
 *   on
 * @throws QuiverError as {@link acceptBatch}, and `bad-request` when the table or its archive is
 *   damaged
 */
export async function acceptCustomerFile(
  parts: AcceptBatchParts,
  client: string,
  { source, ids }: { readonly source: string; readonly ids: SourceIds },
  request: HttpRequest,
  ready: (header: CustomerHeader) => Promise<void>,
): Promise<{ readonly id: string; readonly rows: number }> {
  const writer = new CustomerFileWriter(source, ids);
  const table = backslashRecords(bounded(unpackedFile(inTime(unpackedBody(request)))));
  let bytes = 0;
  async function* kept(): AsyncGenerator<Uint8Array> {
    for await (const text of writer.text(table)) {
      const piece = Buffer.from(text, 'latin1');
      bytes += piece.length;
      yield piece;
    }
  }
  return keepBatch(parts, { client, version: 'v2', source }, kept(), async () => {
    await ready(writer.header!);
    return { rows: writer.rows, bytes };
  });
}

/** Aborts an upload that takes too long. */
async function* inTime(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const latest = performance.now() + MOST_TIME;
  for await (const chunk of chunks) {
    if (performance.now() > latest) throw tooSlow(MOST_TIME);
    yield chunk;
  }
}

/** Aborts a table that is larger than a batch may be. */
async function* bounded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > MAX_BATCH_BYTES) {
      throw new QuiverError('body-too-large', `the file is larger than ${grouped(MAX_BATCH_BYTES)} bytes`);
    }
    yield chunk;
  }
}

/**
 * Keeps a file and queues it.
 * @param end called when the whole file is written
 */
async function keepBatch(
  parts: AcceptBatchParts,
  what: Pick<AcceptedBatch, 'client' | 'version' | 'source'>,
  chunks: AsyncIterable<Uint8Array>,
  end: () => Kept | Promise<Kept>,
): Promise<{ readonly id: string; readonly rows: number }> {
  const incoming = await parts.files.receive().catch((error: unknown) => {
    throw isFullDisk(error) ? noSpaceLeft(error) : error;
  });
  try {
    for await (const chunk of chunks) await incoming.write(chunk);
    const { rows, bytes } = await end();
    const acceptedAt = parts.now();
    const id = `${what.client}-${acceptedAt}-${String(randomInt(100_000_000)).padStart(8, '0')}`;
    try {
      await incoming.keepAs(id);
      await parts.batches.accept({ ...what, id, acceptedAt, rows, bytes });
    } catch (error) {
      // The file of a batch that may be queued must stay. The sweeper removes files without a
      // batch.
      const isUnknown = error instanceof QuiverError && error.code === 'unknown';
      if (!isUnknown) await parts.files.remove(id).catch(() => undefined);
      throw error;
    }
    return { id, rows };
  } catch (error) {
    throw isFullDisk(error) ? noSpaceLeft(error) : error;
  } finally {
    await incoming.discard();
  }
}

/**
 * Releases the memory of a chunk at once. Bun receives data faster than it collects garbage: eight
 * simultaneous uploads of 45 MB took 80 MB without this and 23 MB with it. Node keeps a few chunks
 * and may reuse their memory.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (process.versions.bun === undefined || buffer.byteLength !== byteLength) return;
  (buffer as ArrayBuffer & { transfer(bytes: number): ArrayBuffer }).transfer(0);
}

function isFullDisk(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

function noSpaceLeft(cause: unknown): QuiverError {
  return new QuiverError('insufficient-storage', 'No space left to store it; nothing was changed', { cause });
}
