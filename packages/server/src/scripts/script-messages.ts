/** The messages between the serving thread and the script thread. */

import type { EngineOutcome, EngineScript } from './script-engine.ts';

/** The scripts of a client; they replace those sent before. */
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
  /** The number at `WITHDRAWN` when it was sent; once that has changed, it must not be run. */
  readonly withdrawn: number;
  readonly client: string;
  readonly json: string;
  /** Indexes of the scripts to run. */
  readonly scripts: readonly number[];
  readonly isWatched: boolean;
}

/** A script that had to be stopped. */
export interface StoppedScript {
  readonly script: number;
  readonly reason: string;
  /** Whether only time was exceeded, which a busy machine can cause. */
  readonly isSlow: boolean;
}

/** The result of a job. */
export interface DoneJob {
  readonly id: number;
  /** Undefined when the scripts could not be run. */
  readonly outcome: EngineOutcome | undefined;
  readonly stopped: readonly StoppedScript[];
}

/** The `id` of a message without a job: the engine is loaded and accepts jobs. */
export const READY = 0;

/**
 * Indexes in the memory that both threads share: the job whose scripts run (0: none), the script
 * (-1: any), how many scripts have started, the number of the thread for `thread-time.ts`, and how
 * often the waiting jobs were taken back.
 */
export const RUNNING_JOB = 0;
export const RUNNING_SCRIPT = 1;
export const BEGUN = 2;
export const THREAD = 3;
export const WITHDRAWN = 4;
export const SHARED_BYTES = 20;
