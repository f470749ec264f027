/** Brings profiles that were written lately to where they stay in the store, in the background and in small steps. */

import { Rounds } from '../background.ts';
import type { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Stores } from '../storage/stores.ts';

export interface RecordSettlerParts {
  readonly settle: NonNullable<Stores['settle']>;
  readonly log: Log;
  /** How often it looks, in milliseconds; a quarter of a second by default. */
  readonly lookEvery?: number;
}

const LOOK_EVERY = 250;
/** Profiles in one write: more would keep updates waiting for longer, fewer would share fewer syncs of the disk. */
const STEP = 1000;

/** Not started yet. */
export function recordSettler({ settle, log, lookEvery = LOOK_EVERY }: RecordSettlerParts): Rounds {
  return new Rounds({
    every: lookEvery,
    log,
    failure: 'records could not be settled; tried again later',
    async round(isStopped) {
      try {
        while (!isStopped() && (await settle(STEP)));
      } catch (error) {
        // The server says so itself, and there is no hurry.
        if ((error as QuiverError).code !== 'insufficient-storage') throw error;
      }
    },
  });
}
