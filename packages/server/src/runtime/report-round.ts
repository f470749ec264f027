/** Collects the reports of all workers on one subject: a worker asks, the supervisor collects. */

const TIMEOUT_MS = 3000;

/**
 * One round of collecting: every worker is asked, and the round ends with the last answer.
 *
 * Incomplete answers would mislead (to Prometheus, a sum over some workers looks like a counter
 * that fell), so a round has all of them or fails.
 */
export class ReportRound {
  readonly #waitingFor: Set<number>;
  readonly #reports: unknown[] = [];
  readonly #finish: (reports: readonly unknown[] | undefined) => void;
  readonly #timer: NodeJS.Timeout;
  #finished = false;

  /**
   * @param workers the process ids that are asked
   * @param finish called once, with the reports of all workers, or with undefined when one did not
   *   answer in time
   */
  constructor(workers: Iterable<number>, finish: (reports: readonly unknown[] | undefined) => void) {
    this.#waitingFor = new Set(workers);
    this.#finish = finish;
    this.#timer = setTimeout(() => this.#end(undefined), TIMEOUT_MS);
    this.#timer.unref();
  }

  add(worker: number, report: unknown): void {
    if (!this.#waitingFor.delete(worker)) return;
    this.#reports.push(report);
    this.#endWhenWhole();
  }

  /** A worker has died; the round is complete without it. */
  drop(worker: number): void {
    if (this.#waitingFor.delete(worker)) this.#endWhenWhole();
  }

  #endWhenWhole(): void {
    if (this.#waitingFor.size === 0) this.#end(this.#reports);
  }

  #end(reports: readonly unknown[] | undefined): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#finish(reports);
  }
}
