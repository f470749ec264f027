/** Sends a batch, and waits until the server has applied it (contract section 6). */

import { type BatchStatus, type QuiverClient, QuiverClientError } from 'quiver-client';
import type { BatchVersion } from '../storage/batch-store.ts';
import { writeNote } from './terminal-text.ts';

/** How often a batch is sent again when the server is busy. */
const BUSY_RETRIES = 4;

/**
 * Asks for a batch that does not exist, so that a wrong address, client or token is reported before
 * the file is sent.
 *
 * @throws QuiverClientError when one of them is wrong; a busy server counts as success
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
    // No limit, because the time depends on the size of the file and the speed of the connection.
    timeoutMs: 0,
    retries: BUSY_RETRIES,
    onRetry: (status, waitMs) =>
      writeNote(`the server is busy (${status}), next try in ${(waitMs / 1000).toFixed(1)} s`),
  });
}

/**
 * Waits for the end of a batch. A server that stops responding gets a minute to come back.
 *
 * @param consumed called with the number of rows processed so far
 */
export function waitForBatch(
  server: QuiverClient,
  version: BatchVersion,
  id: string,
  consumed: (rows: number) => void,
): Promise<BatchStatus> {
  return server.waitForBatch(id, { version, onStatus: (status) => consumed(status.consumed ?? 0) });
}

/** Chunks as a stream that is read no faster than it is sent. */
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
