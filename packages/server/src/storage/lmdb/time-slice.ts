/** How long one transaction may work before other writers get their turn, in milliseconds. */
const SLICE_MS = 20;
/** The clock is read once per so many pieces of work. */
const PIECES_PER_LOOK = 64;

/**
 * The time budget of one write transaction, for work in many small pieces that can continue in the
 * next transaction.
 */
export class TimeSlice {
  readonly #until = performance.now() + SLICE_MS;
  #pieces = 0;

  /** Whether time is left. */
  isLeft(): boolean {
    return performance.now() < this.#until;
  }

  /** Whether one more piece may be done; always true for the first. */
  mayGoOn(): boolean {
    this.#pieces += 1;
    return this.#pieces % PIECES_PER_LOOK !== 0 || this.isLeft();
  }
}
