/**
 * Finds workers that have stopped handling messages: stopped by a signal, or stuck in a loop.
 *
 * Time is counted in beats of this process, so a machine or a supervisor that was itself suspended
 * does not count against a worker.
 */

/** How long a worker may stay silent is the product of the two: 15 seconds. */
const BEAT_MS = 1500;
const MAX_MISSED_BEATS = 10;

export interface HeartbeatOptions<Worker> {
  /** The workers that must answer. */
  readonly workers: () => Iterable<Worker>;
  /** Asks a worker for a sign of life; {@link Heartbeat.heard} must be called with the answer. */
  readonly ask: (worker: Worker) => void;
  /** Called once for a worker that has missed too many beats. */
  readonly silent: (worker: Worker, seconds: number) => void;
}

export class Heartbeat<Worker extends object> {
  readonly #options: HeartbeatOptions<Worker>;
  readonly #missed = new WeakMap<Worker, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: HeartbeatOptions<Worker>) {
    this.#options = options;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    this.#timer.unref();
  }

  /** A message from this worker has arrived. */
  heard(worker: Worker): void {
    this.#missed.set(worker, 0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    for (const worker of this.#options.workers()) {
      const missed = this.#missed.get(worker) ?? 0;
      if (missed === MAX_MISSED_BEATS) {
        this.#options.silent(worker, (missed * BEAT_MS) / 1000);
      } else {
        this.#options.ask(worker);
      }
      this.#missed.set(worker, missed + 1);
    }
  }
}
