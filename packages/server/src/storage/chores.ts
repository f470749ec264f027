/**
 * The background work of an engine. One of the processes that share a store starts it, and stops it
 * before it closes the store.
 *
 * Each chore is a step that takes a few milliseconds. An engine provides the chores that it needs.
 * Steps follow one another until nothing is left to do; then there is a pause.
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
   * Frees the space of expired profiles. Readers do not depend on it, because they never see an
   * expired profile.
   *
   * @param now profiles that expired before it are freed, in epoch milliseconds
   * @param limit how many index entries to examine
   */
  readonly sweep: (now: number, limit: number) => Promise<Swept>;

  /**
   * Keeps the store small and fast.
   *
   * @param limit how many records to process; by default as many as fit into a few milliseconds
   * @returns whether there is more to do at once
   */
  readonly upkeep: (limit?: number) => Promise<boolean>;

  /**
   * Searches for damage.
   * @returns when this step completed a pass through the store: what the pass has found
   */
  readonly check: () => Promise<readonly string[] | undefined>;

  /** As `ChangeFeed.upkeep`. */
  readonly keepFeed: (now: number) => Promise<boolean>;
}

/** Profiles examined in one write: about a millisecond of the writer's time. */
const SWEPT_AT_ONCE = 200;

/** The pauses between rounds, in milliseconds. */
export interface ChorePauses {
  /** After expired profiles were freed; 10 s by default. */
  readonly sweepMs?: number;
  /** After upkeep; 250 by default. */
  readonly upkeepMs?: number;
  /**
   * Between steps of the check; 100 by default, which uses a twentieth of a core and checks ten
   * million profiles in half an hour.
   */
  readonly checkStepMs?: number;
  /** After a complete check; an hour by default. */
  readonly checkRoundMs?: number;
  /** After upkeep of the change feed; 250 by default. */
  readonly feedMs?: number;
}

export class Chores {
  /** The single chores, for tests. */
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

  /** Stops after the running steps. */
  async stop(): Promise<void> {
    await Promise.all(this.#rounds.map((rounds) => rounds.stop()));
  }

  #sweeping(sweep: ChoreSteps['sweep'], log: Log): Rounds {
    return new Rounds({
      every: this.#pauses.sweepMs ?? 10_000,
      // Servers that were started together on one store should not check it at the same moment.
      spread: 0.25,
      log,
      failure: 'expired profiles could not be freed; will be tried again',
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
      failure: 'the upkeep of the store failed; will be tried again',
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
      failure: 'the store could not be checked; will be tried again',
      async round() {
        if (Date.now() < nextRound) return;
        const damage = await check();
        if (damage === undefined) return;
        nextRound = Date.now() + checkRoundMs;
        if (damage.length === 0) log.debug('the store is sound');
        else {
          const advice = 'the store is damaged: unreadable profiles are answered with 503; restore a backup';
          log.error({ damage }, advice);
        }
      },
    });
  }

  #keepingFeed(keepFeed: ChoreSteps['keepFeed'], log: Log): Rounds {
    return new Rounds({
      every: this.#pauses.feedMs ?? 250,
      log,
      failure: 'the upkeep of the feed failed; will be tried again',
      async round(isStopped) {
        while (!isStopped() && (await keepFeed(Date.now())));
      },
    });
  }
}
