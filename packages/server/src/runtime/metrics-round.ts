/** The metrics of all workers, summed: asked for by one worker, collected by the supervisor. */

import { AggregatorRegistry } from 'prom-client';

const TIMEOUT_MS = 3000;

/**
 * One round of collecting: every worker is asked, and when the last has answered the sum is made.
 *
 * A sum over a part of the workers would look to Prometheus like a counter that fell, so a round is whole or it fails.
 */
export class MetricsRound {
  readonly #waitingFor: Set<number>;
  readonly #reports: object[][] = [];
  readonly #finish: (text: string | undefined) => void;
  readonly #timer: NodeJS.Timeout;
  #finished = false;

  /**
   * @param workers the process ids asked
   * @param finish called once, with the text for Prometheus, or undefined when a worker did not answer in time
   */
  constructor(workers: Iterable<number>, finish: (text: string | undefined) => void) {
    this.#waitingFor = new Set(workers);
    this.#finish = finish;
    this.#timer = setTimeout(() => this.#end(undefined), TIMEOUT_MS);
    this.#timer.unref();
  }

  add(worker: number, metrics: readonly object[]): void {
    if (!this.#waitingFor.delete(worker)) return;
    this.#reports.push([...metrics]);
    this.#endWhenWhole();
  }

  /** A worker that died takes its counts with it; the others are still a whole. */
  drop(worker: number): void {
    if (this.#waitingFor.delete(worker)) this.#endWhenWhole();
  }

  #endWhenWhole(): void {
    if (this.#waitingFor.size > 0) return;
    AggregatorRegistry.aggregate(this.#reports)
      .metrics()
      .then(
        (text) => this.#end(text),
        () => this.#end(undefined),
      );
  }

  #end(text: string | undefined): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#finish(text);
  }
}
