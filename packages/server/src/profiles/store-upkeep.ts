/** Keeps the store small and fast in the background, in small steps. */

import { Rounds } from '../background.ts';
import type { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Stores } from '../storage/stores.ts';

export interface StoreUpkeepParts {
  readonly upkeep: NonNullable<Stores['upkeep']>;
  readonly log: Log;
  /** How often it looks, in milliseconds; a quarter of a second by default. */
  readonly lookEvery?: number;
}

const LOOK_EVERY_MS = 250;

/** Not started yet. */
export function storeUpkeep({ upkeep, log, lookEvery = LOOK_EVERY_MS }: StoreUpkeepParts): Rounds {
  return new Rounds({
    every: lookEvery,
    log,
    failure: 'the upkeep of the store failed; tried again later',
    async round(isStopped) {
      try {
        while (!isStopped() && (await upkeep()));
      } catch (error) {
        // The server says so itself, and there is no hurry.
        if ((error as QuiverError).code !== 'insufficient-storage') throw error;
      }
    },
  });
}
