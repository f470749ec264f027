/** Looks for damage of the store in the background, little by little. */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import type { Stores } from '../storage/stores.ts';

export interface StoreChecksParts {
  readonly checkOn: NonNullable<Stores['checkOn']>;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds between two small steps; 100 by default: a twentieth of the time of one core, ten million profiles in half an hour. */
  readonly stepEvery?: number;
  /** Milliseconds from the end of one round through the store to the beginning of the next; an hour by default. */
  readonly roundEvery?: number;
}

const STEP_EVERY_MS = 100;
const ROUND_EVERY_MS = 3_600_000;

/** Not started yet. */
export function storeChecks(parts: StoreChecksParts): Rounds {
  const { checkOn, log, now, stepEvery = STEP_EVERY_MS, roundEvery = ROUND_EVERY_MS } = parts;
  let nextRound = now();
  return new Rounds({
    every: stepEvery,
    log,
    failure: 'the store could not be checked; tried again later',
    async round() {
      if (now() < nextRound) return;
      const damage = await checkOn();
      if (damage === undefined) return;
      nextRound = now() + roundEvery;
      if (damage.length === 0) log.debug('the store is sound');
      else
        log.error(
          { damage },
          'the store is damaged: what cannot be read is answered with 503; restore a backup',
        );
    },
  });
}
