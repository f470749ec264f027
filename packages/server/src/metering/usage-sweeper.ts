/** Removes usage that is older than Quiver keeps it. */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import type { UsageStore } from '../storage/kept/usage-store.ts';
import { dayOf } from './usage-meter.ts';
import { KEPT_DAYS } from './usage-routes.ts';

export interface UsageSweeperParts {
  readonly usage: UsageStore;
  readonly clients: readonly string[];
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const LOOK_EVERY_MS = 3_600_000;

/** Runs at the start and then every hour; not started yet. */
export function usageSweeper({ usage, clients, log, now }: UsageSweeperParts): Rounds {
  return new Rounds({
    every: LOOK_EVERY_MS,
    atOnce: true,
    log,
    failure: 'old usage could not be removed; will be tried again',
    async round(isStopped) {
      const before = dayOf(now() - KEPT_DAYS * 86_400_000);
      for (const client of clients) while (!isStopped() && (await usage.expire(client, before)));
    },
  });
}
