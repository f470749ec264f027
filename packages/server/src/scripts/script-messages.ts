/** What the serving thread and the thread of the scripts tell one another. */

import type { EngineOutcome, EngineScript } from './script-engine.ts';

/** The scripts of a client; of those that were sent before nothing remains. */
export interface SentScripts {
  readonly kind: 'scripts';
  readonly client: string;
  readonly scripts: readonly EngineScript[];
}

/** A visit of a client whose scripts were sent. */
export interface SentJob {
  readonly kind: 'run';
  /** From 1. */
  readonly id: number;
  readonly client: string;
  readonly json: string;
  /** Places of the scripts to run. */
  readonly scripts: readonly number[];
  readonly isWatched: boolean;
}

/** A script that had to be stopped. */
export interface StoppedScript {
  readonly script: number;
  readonly reason: string;
  /** Whether it was for time alone, which a busy machine can be to blame for. */
  readonly isSlow: boolean;
}

/** What came of a job. */
export interface DoneJob {
  readonly id: number;
  /** Undefined when the scripts could not be run. */
  readonly outcome: EngineOutcome | undefined;
  readonly stopped: readonly StoppedScript[];
}

/** The `id` of a message without a job: the engine is loaded, and jobs are taken. */
export const READY = 0;

/**
 * Places in the memory that both threads share: which job runs scripts (0: none), which script of
 * it (-1: any), how often a script has begun, and the number of the thread for `thread-time.ts`.
 */
export const RUNNING_JOB = 0;
export const RUNNING_SCRIPT = 1;
export const BEGUN = 2;
export const THREAD = 3;
export const SHARED_BYTES = 16;
