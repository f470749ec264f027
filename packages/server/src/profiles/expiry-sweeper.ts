/** Frees the space of expired profiles in the background, in small steps (contract section 10). */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import type { ProfileStore } from '../storage/profile-store.ts';

export interface ExpirySweeperParts {
  readonly store: ProfileStore;
  readonly log: Log;
  /** How often it looks, in milliseconds; 10 s by default. Readers never wait for it: expired is gone for them at once. */
  readonly lookEvery?: number;
}

const LOOK_EVERY = 10_000;
/** Profiles looked at in one write: about a millisecond of the writer's time. */
const STEP = 200;

/** Not started yet. */
export function expirySweeper({ store, log, lookEvery = LOOK_EVERY }: ExpirySweeperParts): Rounds {
  return new Rounds({
    every: lookEvery,
    // Servers that started together on one store do not look together.
    spread: 0.25,
    log,
    failure: 'expired profiles could not be freed; tried again later',
    async round(isStopped) {
      let removed = 0;
      for (let more = true; more && !isStopped(); ) {
        const step = await store.sweep(Date.now(), STEP);
        removed += step.removed;
        more = step.more;
      }
      if (removed > 0) log.debug({ removed }, 'expired profiles freed');
    },
  });
}
