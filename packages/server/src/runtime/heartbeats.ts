/**
 * Finds workers that have stopped responding: the supervisor sends each a beat every second, and a
 * worker answers it as soon as its event loop turns.
 *
 * Time is measured in beats sent, not by a clock. A supervisor that was suspended itself, alone or
 * with the whole machine, has sent no beats meanwhile, so no worker is blamed for that time.
 */

const BEAT_MS = 1000;
/**
 * Longer than any pause of a healthy worker: the store is used in short steps, and a write that
 * waits for the writer lock waits in another thread.
 */
const MAX_MISSED = 10;

export interface HeartbeatsOptions<Key> {
  /** Sends a beat to a worker. */
  beat(worker: Key): void;
  /** Called once for a worker that has not answered the last `missed` beats. */
  onSilent(worker: Key, missed: number): void;
}

export class Heartbeats<Key> {
  readonly #options: HeartbeatsOptions<Key>;
  /** Beats since a worker was last heard; absent for workers that are not watched. */
  readonly #missed = new Map<Key, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatsOptions<Key>) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#round(), BEAT_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Watches a worker from now on. */
  watch(worker: Key): void {
    this.#missed.set(worker, 0);
  }

  /** A message from a worker has arrived; any message shows that it responds. */
  heard(worker: Key): void {
    if (this.#missed.has(worker)) this.#missed.set(worker, 0);
  }

  forget(worker: Key): void {
    this.#missed.delete(worker);
  }

  #round(): void {
    for (const [worker, missed] of this.#missed) {
      if (missed < MAX_MISSED) {
        this.#missed.set(worker, missed + 1);
        this.#options.beat(worker);
      } else {
        this.forget(worker);
        this.#options.onSilent(worker, missed);
      }
    }
  }
}
