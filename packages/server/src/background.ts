/**
 * Work that repeats in the background of a process; it is started and stopped like any other part.
 */

import type { Log } from './log.ts';

export interface RoundsOptions {
  /** Milliseconds from the end of one round to the beginning of the next. */
  readonly every: number;
  /**
   * How much a pause may vary, as a share of `every`, so that processes that started together do
   * not run in step; 0 by default.
   */
  readonly spread?: number;
  /** Whether the first round begins at the start instead of after a pause; false by default. */
  readonly atOnce?: boolean;
  /**
   * One round. A long round should check between its steps whether to stop. An error is logged, and
   * the next round follows.
   */
  readonly round: (isStopped: () => boolean) => Promise<void>;
  /** The log message of a failed round. */
  readonly failure: string;
  readonly log: Log;
}

/** Runs rounds that never overlap and do not keep the process alive. */
export class Rounds {
  readonly #options: RoundsOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.atOnce) this.#run();
    else this.#pause();
  }

  /** Stops after the current step. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #pause(): void {
    if (this.#isStopped) return;
    const { every, spread = 0 } = this.#options;
    this.#timer = setTimeout(() => this.#run(), every * (1 + spread * (2 * Math.random() - 1)));
    this.#timer.unref();
  }

  #run(): void {
    const { round, failure, log } = this.#options;
    this.#running = Promise.resolve()
      .then(() => round(() => this.#isStopped))
      .catch((error: unknown) => log.error({ err: error }, failure))
      .then(() => this.#pause());
  }
}
