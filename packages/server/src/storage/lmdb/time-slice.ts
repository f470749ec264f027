/** How long one transaction may work before others get their turn to write, in milliseconds. */
const SLICE_MS = 20;
/** The clock is asked once in so many pieces of work. */
const PIECES_PER_LOOK = 64;

/**
 * The time of one write transaction, for work that comes in many small pieces and can go on in the
 * next.
 */
export class TimeSlice {
  readonly #until = performance.now() + SLICE_MS;
  #pieces = 0;

  /** Whether there is time left. */
  isLeft(): boolean {
    return performance.now() < this.#until;
  }

  /** Whether one more piece may be done; the first always may. */
  mayGoOn(): boolean {
    this.#pieces += 1;
    return this.#pieces % PIECES_PER_LOOK !== 0 || this.isLeft();
  }
}
