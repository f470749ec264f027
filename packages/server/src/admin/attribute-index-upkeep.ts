/** Builds and follows the attribute indexes of all clients in the background, in small steps. */

import { Rounds } from '../background.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AttributeIndexes } from '../storage/kept/attribute-indexes.ts';

export interface AttributeIndexUpkeepParts {
  readonly indexes: Pick<AttributeIndexes, 'step'>;
  readonly clients: readonly string[];
  readonly log: Log;
}

/** How long changes may wait before an index includes them, in milliseconds. */
const LOOK_EVERY_MS = 1000;

/** Not started yet. */
export function attributeIndexUpkeep({ indexes, clients, log }: AttributeIndexUpkeepParts): Rounds {
  return new Rounds({
    every: LOOK_EVERY_MS,
    spread: 0.25,
    log,
    failure: 'the upkeep of the attribute indexes failed; will be tried again',
    async round(isStopped) {
      try {
        for (let busy = clients; busy.length > 0 && !isStopped(); ) {
          const still: string[] = [];
          for (const client of busy) if (await indexes.step(client)) still.push(client);
          busy = still;
        }
      } catch (error) {
        // The server reports this itself; a list says that its index is behind.
        if (!(error instanceof QuiverError && error.code === 'insufficient-storage')) throw error;
      }
    },
  });
}
