/**
 * Keeps the change feed as long as it is to be kept, and collects what a cluster has recorded; in
 * small steps.
 */

import { Rounds } from '../background.ts';
import type { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ChangeFeed } from '../storage/change-feed.ts';

export interface FeedUpkeepParts {
  readonly feed: ChangeFeed;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What a cluster has recorded waits so long to be read. */
const LOOK_EVERY_MS = 100;

/** Not started yet. */
export function feedUpkeep({ feed, log, now }: FeedUpkeepParts): Rounds {
  return new Rounds({
    every: LOOK_EVERY_MS,
    log,
    failure: 'the upkeep of the change feed failed; tried again later',
    async round(isStopped) {
      try {
        while (!isStopped() && (await feed.upkeep(now())));
      } catch (error) {
        // The server says so itself, and there is no hurry.
        if ((error as QuiverError).code !== 'insufficient-storage') throw error;
      }
    },
  });
}
