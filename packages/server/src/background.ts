/** Work that comes round again and again in the background of a process, started and stopped like any other part. */

import type { Log } from './log.ts';

export interface RoundsOptions {
  /** Milliseconds from the end of one round to the beginning of the next. */
  readonly every: number;
  /** Up to which share of `every` a pause is longer or shorter, so that processes that started together part; 0 by default. */
  readonly spread?: number;
  /** Whether the first round begins at the start, not a pause later; false by default. */
  readonly atOnce?: boolean;
  /** One round. A long one asks between its steps whether it should end. What it throws is logged, and the next round comes. */
  readonly round: (isStopped: () => boolean) => Promise<void>;
  /** What the log says of a round that failed. */
  readonly failure: string;
  readonly log: Log;
}

/** Rounds that never overlap; nothing of them keeps the process alive. */
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

  /** Stops after the step under way. */
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
