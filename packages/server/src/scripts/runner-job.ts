/** The scripts of one visit, from the call of the runner until the visit continues. */

import type { EngineOutcome, EngineScript } from './script-engine.ts';
import type { StoppedScript } from './script-messages.ts';

/** The scripts of a client at one point in time: the same object while they do not change. */
export interface ScriptSet {
  readonly client: string;
  readonly scripts: readonly EngineScript[];
}

/** The result of running scripts. */
export interface RunnerOutcome {
  /** Undefined when they could not be run in time; nothing is known of them then. */
  readonly outcome: EngineOutcome | undefined;
  readonly stopped: readonly StoppedScript[];
}

export interface RunnerJobParts {
  /** From 1. */
  readonly id: number;
  readonly set: ScriptSet;
  readonly json: string;
  readonly isWatched: boolean;
  /** Called once, when the visit continues. */
  readonly done: (outcome: RunnerOutcome) => void;
  /** Called with each script that was stopped after that. */
  readonly late: (stopped: StoppedScript) => void;
}

export class RunnerJob {
  readonly #parts: RunnerJobParts;
  readonly id: number;
  readonly set: ScriptSet;
  readonly json: string;
  isWatched: boolean;
  /** How many threads it has ended. */
  ended = 0;
  /** When it could begin: it was made, and a thread was ready; in monotonic milliseconds. */
  since = performance.now();
  readonly #stopped: StoppedScript[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(parts: RunnerJobParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.set = parts.set;
    this.json = parts.json;
    this.isWatched = parts.isWatched;
  }

  /** Whether the visit has continued, so that nobody waits for a result. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Indexes of the scripts that have not been stopped. */
  scripts(): number[] {
    return Array.from(this.set.scripts, (_, place) => place).filter(
      (place) => !this.#stopped.some(({ script }) => script === place),
    );
  }

  /**
   * The visit continues without its scripts if it still waits then, in monotonic milliseconds. The
   * first limit counts.
   */
  limit(until: number): void {
    if (this.#isOver) return;
    this.#timer ??= setTimeout(() => this.end(undefined), Math.max(0, until - performance.now()));
  }

  stop(stopped: StoppedScript): void {
    if (this.#isOver) this.#parts.late(stopped);
    else this.#stopped.push(stopped);
  }

  /** The visit continues; a second call does nothing. */
  end(outcome: EngineOutcome | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#parts.done({ outcome, stopped: [...this.#stopped] });
  }
}
