/**
 * Removes completed batches after seven days, with their failed rows and files (contract section
 * 6).
 */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import type { BatchFileStore } from '../storage/batch-file-store.ts';
import type { BatchStore } from '../storage/batch-store.ts';

export interface BatchSweeperParts {
  readonly batches: BatchStore;
  readonly files: BatchFileStore;
  readonly clients: readonly string[];
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The interval in milliseconds; 10 minutes by default. It also runs once at the start. */
  readonly lookEvery?: number;
}

/** How long a batch is kept after it was accepted, in milliseconds. */
const KEPT_MS = 7 * 86_400_000;
const LOOK_EVERY_MS = 600_000;
/**
 * Batches and failed rows removed in one write, because a batch may have half a million of them.
 */
const REMOVED_PER_STEP = 1000;

/** Not started yet. */
export function batchSweeper(parts: BatchSweeperParts): Rounds {
  const { clients, log, now, lookEvery = LOOK_EVERY_MS } = parts;
  return new Rounds({
    every: lookEvery,
    atOnce: true,
    log,
    failure: 'old batches could not be removed; will be tried again',
    async round(isStopped) {
      for (const client of clients) await sweepClient(parts, client, now() - KEPT_MS, isStopped);
    },
  });
}

async function sweepClient(
  { batches, files, log }: BatchSweeperParts,
  client: string,
  acceptedBefore: number,
  isStopped: () => boolean,
): Promise<void> {
  for (let more = true; more && !isStopped(); ) {
    const step = await batches.expire(client, acceptedBefore, REMOVED_PER_STEP);
    for (const id of step.gone) await files.remove(id);
    if (step.gone.length > 0) log.debug({ client, ids: step.gone }, 'old batches removed');
    more = step.more;
  }
  // A process that died between keeping a file and queueing its batch, or between the two lines
  // above, has left a file behind.
  for (const id of await files.ids()) {
    const [, of, at] = /^(.+)-(\d+)-\d{8}$/.exec(id) ?? [];
    if (of !== client || Number(at) >= acceptedBefore) continue;
    if ((await batches.find(client, id)) === undefined) await files.remove(id);
  }
}
