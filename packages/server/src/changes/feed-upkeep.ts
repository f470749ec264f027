/**
 * Removes changes that are too old from the feed, and collects what a cluster has recorded; in
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

/** How long recorded changes of a cluster may wait to be collected, in milliseconds. */
const LOOK_EVERY_MS = 100;

/** Not started yet. */
export function feedUpkeep({ feed, log, now }: FeedUpkeepParts): Rounds {
  return new Rounds({
    every: LOOK_EVERY_MS,
    log,
    failure: 'the upkeep of the change feed failed; will be tried again',
    async round(isStopped) {
      try {
        while (!isStopped() && (await feed.upkeep(now())));
      } catch (error) {
        // The server reports this itself, and upkeep is not urgent.
        if ((error as QuiverError).code !== 'insufficient-storage') throw error;
      }
    },
  });
}
