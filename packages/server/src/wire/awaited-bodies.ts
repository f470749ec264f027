/**
 * A deadline for bodies that are read whole. One clock serves all of them, because a timer per body
 * costs more than reading the body.
 */

/**
 * A body that is still arriving; it is linked to the bodies that began just before and just after
 * it.
 */
class Awaited {
  before: Awaited = this;
  after: Awaited = this;
  /** The tick of the clock at which it is late. */
  late = 0;
  readonly refuse: () => void;

  constructor(refuse: () => void) {
    this.refuse = refuse;
  }

  /** Stops waiting for the body; may be called twice, because a refused body may still arrive. */
  end(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
  }
}

const TICK = 1000;
const nothing = () => {};

/** The bodies that are still arriving, the oldest first. */
export class AwaitedBodies {
  /** Sentinel of the circular list: its neighbours are the first and the last body. */
  readonly #ends = new Awaited(nothing);
  readonly #ticks: number;
  #tick = 0;
  #clock: NodeJS.Timeout | undefined;

  /** @param ms how long a body may take; the refusal may come up to a second later */
  constructor(ms: number) {
    this.#ticks = Math.ceil(ms / TICK) + 1;
  }

  /** Starts waiting for a body; `refuse` is called when it is late, unless it has ended by then. */
  await(refuse: () => void): Awaited {
    const awaited = new Awaited(refuse);
    awaited.late = this.#tick + this.#ticks;
    awaited.before = this.#ends.before;
    awaited.after = this.#ends;
    awaited.before.after = awaited;
    this.#ends.before = awaited;
    this.#clock ??= setInterval(() => this.#refuseLate(), TICK).unref();
    return awaited;
  }

  #refuseLate(): void {
    this.#tick += 1;
    for (let first = this.#ends.after; first !== this.#ends && first.late <= this.#tick; ) {
      first.end();
      first.refuse();
      first = this.#ends.after;
    }
    if (this.#ends.after !== this.#ends) return;
    clearInterval(this.#clock);
    this.#clock = undefined;
  }
}
