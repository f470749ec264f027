/** Sends a batch, and waits until the server has applied it (contract section 6). */

import { type BatchStatus, type QuiverClient, QuiverClientError } from 'quiver-client';
import type { BatchVersion } from '../storage/batch-store.ts';
import { writeNote } from './terminal-text.ts';

/** How often a batch is sent again to a server that is busy. */
const BUSY_RETRIES = 4;

/**
 * Asks for a batch that is not there, so that a wrong address, client or token shows before the file is sent.
 *
 * @throws QuiverClientError when it does; a server that is busy is taken for the right one
 */
export async function expectWelcome(server: QuiverClient, version: BatchVersion): Promise<void> {
  try {
    await server.batchStatus(`${server.client}-0-00000000`, { version, retries: 0 });
  } catch (error) {
    if (!(error instanceof QuiverClientError && (error.status === 503 || error.status === 429))) throw error;
  }
}

/**
 * Sends one batch.
 *
 * @param content makes the stream of its bytes, anew for each try
 * @returns the batch's id
 */
export function uploadBatch(
  server: QuiverClient,
  version: BatchVersion,
  content: () => AsyncIterable<Uint8Array>,
): Promise<string> {
  return server.uploadBatch(() => streamOf(content()), {
    version,
    // A file takes as long as the line needs for it.
    timeoutMs: 0,
    retries: BUSY_RETRIES,
    onRetry: (status, waitMs) =>
      writeNote(`the server is busy (${status}), next try in ${(waitMs / 1000).toFixed(1)} s`),
  });
}

/**
 * Waits for the end of a batch. A server that goes away is given a minute to come back.
 *
 * @param consumed told how many rows are through
 */
export function waitForBatch(
  server: QuiverClient,
  version: BatchVersion,
  id: string,
  consumed: (rows: number) => void,
): Promise<BatchStatus> {
  return server.waitForBatch(id, { version, onStatus: (status) => consumed(status.consumed ?? 0) });
}

/** Chunks as a stream, taken no faster than they are sent. */
export function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
