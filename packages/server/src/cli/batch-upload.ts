/** Sends a batch, and waits until the server has applied it (contract section 6). */

import { setTimeout as pause } from 'node:timers/promises';
import type { BatchVersion } from '../storage/batch-store.ts';
import { ClientFailure, EXIT } from './client-failure.ts';
import {
  elementOf,
  messageOf,
  refusedBy,
  type ServerConnection,
  type ServerReply,
  unescapeXml,
} from './server-connection.ts';
import { writeNote } from './terminal-text.ts';

/** How often a busy server is asked again before the person is told, and how long it is given, in seconds. */
const BUSY_TRIES = 5;
const BUSY_PAUSE = 2;
/** How often the status is asked for, in milliseconds: often at first, for small batches are done at once. */
const FIRST_POLL = 50;
const SLOWEST_POLL = 1000;
/** How long a server may be away while a batch is waited for, in milliseconds. */
const AWAY = 60_000;

/** What the server says of a batch that it has accepted. */
export interface BatchCounts {
  readonly status: string;
  readonly rows: number;
  readonly consumed: number;
  readonly successful: number;
  readonly notFound: number;
  readonly failed: number;
  /** The ids of failed rows, as far as the server names them. */
  readonly failedIds: readonly string[];
}

/**
 * Asks for a batch that is not there, so that a wrong address, client or token shows before the file is sent.
 *
 * @throws ClientFailure `unreachable` or `refused`
 */
export async function expectWelcome(server: ServerConnection, version: BatchVersion): Promise<void> {
  const reply = await askStatus(server, version, `${server.client}-0-00000000`);
  if (reply.status === 404 && !/no such client/i.test(messageOf(reply.text))) return;
  if (reply.status !== 200 && !isBusy(reply)) throw refusedBy(reply);
}

/**
 * Sends one batch.
 *
 * @param content makes the stream of its bytes, anew for each try
 * @returns the batch's id
 * @throws ClientFailure `refused`, with the server's reason, or `unreachable`
 */
export async function uploadBatch(
  server: ServerConnection,
  version: BatchVersion,
  content: () => AsyncIterable<Uint8Array>,
): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const reply = await server.send(`${batchesPath(server, version)}/batchUpdate`, {
      method: 'POST',
      contentType: 'text/plain;charset=UTF-8',
      body: content(),
    });
    if (isBusy(reply) && tries < BUSY_TRIES) {
      const seconds = Math.min(reply.retryAfter ?? BUSY_PAUSE, 60);
      writeNote(`the server is busy (${reply.status}), next try in ${seconds} s`);
      await pause(seconds * 1000);
      continue;
    }
    const url = elementOf(reply.text, 'batchStatus');
    const id = url === undefined ? null : URL.parse(url)?.searchParams.get('batchId');
    if (reply.status === 200 && elementOf(reply.text, 'success') === 'true' && id) return id;
    throw refusedBy(reply);
  }
}

/**
 * Waits for the end of a batch. A server that goes away is given a minute to come back.
 *
 * @param consumed told how many rows are through
 * @returns the counts; `status` is `complete` or `stuck`
 */
export async function waitForBatch(
  server: ServerConnection,
  version: BatchVersion,
  id: string,
  consumed: (rows: number) => void,
): Promise<BatchCounts> {
  let lastAnswer = Date.now();
  for (let wait = FIRST_POLL; ; wait = Math.min(wait * 1.5, SLOWEST_POLL)) {
    try {
      const reply = await askStatus(server, version, id);
      if (!isBusy(reply)) {
        if (reply.status !== 200) throw refusedBy(reply);
        lastAnswer = Date.now();
        const counts = countsOf(reply.text);
        consumed(counts.consumed);
        if (counts.status !== 'incomplete') return counts;
      }
    } catch (error) {
      const isAway = error instanceof ClientFailure && error.exitCode === EXIT.unreachable;
      if (!isAway || Date.now() - lastAnswer > AWAY) throw error;
    }
    await pause(wait);
  }
}

function batchesPath({ client }: ServerConnection, version: BatchVersion): string {
  return `/m2/${encodeURIComponent(client)}${version === 'v2' ? '/v2' : ''}/profile`;
}

function askStatus(server: ServerConnection, version: BatchVersion, batchId: string): Promise<ServerReply> {
  return server.send(`${batchesPath(server, version)}/batchStatus`, {
    query: { batchId, showDetails: 'true' },
  });
}

function isBusy({ status }: ServerReply): boolean {
  return status === 503 || status === 429;
}

function countsOf(xml: string): BatchCounts {
  const count = (name: string) => Number(elementOf(xml, name) ?? 0);
  const status = elementOf(xml, 'status');
  if (status === undefined)
    throw new ClientFailure(EXIT.refused, `the server told no status: ${messageOf(xml)}`);
  return {
    status,
    rows: count('batchSize'),
    consumed: count('consumedCount'),
    successful: count('successfulUpdates'),
    notFound: count('profilesNotFound'),
    failed: count('failedUpdates'),
    failedIds: [...xml.matchAll(/<profile><id>([^<]*)<\/id>/g)].map(([, id]) => unescapeXml(id!)),
  };
}
