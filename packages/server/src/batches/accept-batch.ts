/** Takes in an uploaded batch: checked while it streams to disk, queued when it is there (contract section 6). */

import { randomInt } from 'node:crypto';
import { QuiverError } from '../errors.ts';
import type { BatchFileStore } from '../storage/batch-file-store.ts';
import type { BatchStore, BatchVersion } from '../storage/batch-store.ts';
import { tooSlow } from '../wire/body.ts';
import type { HttpRequest } from '../wire/request.ts';
import { unpackedBody } from '../wire/streamed-body.ts';
import { BatchCheck } from './batch-check.ts';

/** An upload that is still trickling in after so many milliseconds is refused; the connection ends silence sooner. */
const MOST_TIME = 300_000;

export interface AcceptBatchParts {
  readonly batches: BatchStore;
  readonly files: BatchFileStore;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Accepts one upload: when this returns, its file and its place in the queue are on disk.
 *
 * Memory does not grow with the file: each chunk is checked, written and forgotten before the next is asked for. A packed body is
 * unpacked chunk by chunk too, and what it unpacks to counts.
 *
 * @returns the batch's id: `{client}-{epoch ms}-{8 digits}`
 * @throws QuiverError `bad-request`, `body-too-large`, `insufficient-storage`; then nothing of the file is kept
 */
export async function acceptBatch(
  parts: AcceptBatchParts,
  client: string,
  version: BatchVersion,
  request: HttpRequest,
): Promise<string> {
  const check = new BatchCheck();
  const latest = performance.now() + MOST_TIME;
  const incoming = await parts.files.receive().catch((error: unknown) => {
    throw isFullDisk(error) ? noSpaceLeft(error) : error;
  });
  try {
    for await (const chunk of unpackedBody(request)) {
      if (performance.now() > latest) throw tooSlow(MOST_TIME);
      check.push(chunk);
      await incoming.write(chunk);
      free(chunk);
    }
    const { rows, bytes } = check.end();
    const acceptedAt = parts.now();
    const id = `${client}-${acceptedAt}-${String(randomInt(100_000_000)).padStart(8, '0')}`;
    try {
      await incoming.keepAs(id);
      await parts.batches.accept({ client, id, version, acceptedAt, rows, bytes });
    } catch (error) {
      // Of a batch that may be queued the file must stay. Whatever stays without a batch, the sweeper removes.
      const isUnknown = error instanceof QuiverError && error.code === 'unknown';
      if (!isUnknown) await parts.files.remove(id).catch(() => undefined);
      throw error;
    }
    return id;
  } catch (error) {
    throw isFullDisk(error) ? noSpaceLeft(error) : error;
  } finally {
    await incoming.discard();
  }
}

/**
 * Gives the memory of a chunk back at once. Bun takes in what arrives faster than it collects garbage: eight uploads of 45 MB at once
 * took 80 MB without this and 23 MB with it. Node holds a few chunks anyway, and may use their memory again.
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
