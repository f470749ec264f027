/**
 * The background work of an engine. One process of all that share a store starts it, and stops it
 * before it closes the store.
 *
 * Each chore is a step that takes a few milliseconds; an engine has those that it needs. The steps
 * of a round follow one another until nothing is left to do, and then there is a pause.
 */

import { Rounds } from '../background.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';

/** What a step of {@link ChoreSteps.sweep} did. */
export interface Swept {
  /** How many profiles were removed. */
  readonly removed: number;
  /** Whether there may be more to remove. */
  readonly more: boolean;
}

export interface ChoreSteps {
  /**
   * Frees the space of expired profiles. Readers never wait for it: expired is gone for them at
   * once.
   *
   * @param now what expired by then is freed, in epoch milliseconds
   * @param limit how many index entries to look at
   */
  readonly sweep: (now: number, limit: number) => Promise<Swept>;

  /**
   * Keeps the store small and fast.
   *
   * @param limit how many records to work on; as many as a few milliseconds allow by default
   * @returns whether there is more to do at once
   */
  readonly upkeep: (limit?: number) => Promise<boolean>;

  /**
   * Looks for damage. @returns what a round through the store has found, when this step ended one
   */
  readonly check: () => Promise<readonly string[] | undefined>;

  /** As of `ChangeFeed.upkeep`. */
  readonly keepFeed: (now: number) => Promise<boolean>;
}

/** Profiles looked at in one write: about a millisecond of the writer's time. */
const SWEPT_AT_ONCE = 200;

/** How long the pauses are, in milliseconds. */
export interface ChorePauses {
  /** After expired profiles were freed; 10 s by default. */
  readonly sweepMs?: number;
  /** After the store was tidied; a quarter of a second by default. */
  readonly upkeepMs?: number;
  /**
   * Between steps of the check; 100 by default: a twentieth of a core, ten million profiles in half
   * an hour.
   */
  readonly checkStepMs?: number;
  /** After a whole check; an hour by default. */
  readonly checkRoundMs?: number;
  /** After the feed of changes was tidied; a quarter of a second by default. */
  readonly feedMs?: number;
}

export class Chores {
  /** Each by itself, for tests. */
  readonly steps: Partial<ChoreSteps>;
  readonly #pauses: ChorePauses;
  #rounds: readonly Rounds[] = [];

  constructor(steps: Partial<ChoreSteps>, pauses: ChorePauses = {}) {
    this.steps = steps;
    this.#pauses = pauses;
  }

  start(log: Log): void {
    const { sweep, upkeep, check, keepFeed } = this.steps;
    this.#rounds = [
      ...(sweep ? [this.#sweeping(sweep, log)] : []),
      ...(upkeep ? [this.#upkeeping(upkeep, log)] : []),
      ...(check ? [this.#checking(check, log)] : []),
      ...(keepFeed ? [this.#keepingFeed(keepFeed, log)] : []),
    ];
    for (const rounds of this.#rounds) rounds.start();
  }

  /** Stops after the steps under way. */
  async stop(): Promise<void> {
    await Promise.all(this.#rounds.map((rounds) => rounds.stop()));
  }

  #sweeping(sweep: ChoreSteps['sweep'], log: Log): Rounds {
    return new Rounds({
      every: this.#pauses.sweepMs ?? 10_000,
      // Servers that started together on one store do not look together.
      spread: 0.25,
      log,
      failure: 'expired profiles could not be freed; tried again later',
      async round(isStopped) {
        let removed = 0;
        for (let more = true; more && !isStopped(); ) {
          const step = await sweep(Date.now(), SWEPT_AT_ONCE);
          removed += step.removed;
          more = step.more;
        }
        if (removed > 0) log.debug({ removed }, 'expired profiles freed');
      },
    });
  }

  #upkeeping(upkeep: ChoreSteps['upkeep'], log: Log): Rounds {
    return new Rounds({
      every: this.#pauses.upkeepMs ?? 250,
      log,
      failure: 'the upkeep of the store failed; tried again later',
      async round(isStopped) {
        try {
          while (!isStopped() && (await upkeep()));
        } catch (error) {
          // The server reports a full disk itself, and upkeep can wait.
          if (!(error instanceof QuiverError && error.code === 'insufficient-storage')) throw error;
        }
      },
    });
  }

  #checking(check: ChoreSteps['check'], log: Log): Rounds {
    const { checkStepMs = 100, checkRoundMs = 3_600_000 } = this.#pauses;
    let nextRound = Date.now();
    return new Rounds({
      every: checkStepMs,
      log,
      failure: 'the store could not be checked; tried again later',
      async round() {
        if (Date.now() < nextRound) return;
        const damage = await check();
        if (damage === undefined) return;
        nextRound = Date.now() + checkRoundMs;
        if (damage.length === 0) log.debug('the store is sound');
        else {
          const advice = 'the store is damaged: what cannot be read is answered with 503; restore a backup';
          log.error({ damage }, advice);
        }
      },
    });
  }

  #keepingFeed(keepFeed: ChoreSteps['keepFeed'], log: Log): Rounds {
    return new Rounds({
      every: this.#pauses.feedMs ?? 250,
      log,
      failure: 'the upkeep of the feed failed; tried again later',
      async round(isStopped) {
        while (!isStopped() && (await keepFeed(Date.now())));
      },
    });
  }
}
