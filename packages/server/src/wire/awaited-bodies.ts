/**
 * Bodies that are read whole must have come by a time; one clock looks after all of them, for a timer of its own for each costs more than
 * to read it.
 */

/** A body that is awaited, between the one that began before it and the one that began after. */
class Awaited {
  before: Awaited = this;
  after: Awaited = this;
  /** The tick of the clock at which it is late. */
  late = 0;
  readonly refuse: () => void;

  constructor(refuse: () => void) {
    this.refuse = refuse;
  }

  /** It has come, or is awaited no more; may be called twice, for what was refused may still come. */
  end(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
  }
}

const TICK = 1000;
const nothing = () => {};

/** The bodies that are awaited, the oldest first. */
export class AwaitedBodies {
  /** Stands before the first and after the last. */
  readonly #ends = new Awaited(nothing);
  readonly #ticks: number;
  #tick = 0;
  #clock: NodeJS.Timeout | undefined;

  /** @param ms how long a body may take; up to a second is added to it */
  constructor(ms: number) {
    this.#ticks = Math.ceil(ms / TICK) + 1;
  }

  /** Awaits one more; `refuse` is called when it is late, unless it has ended by then. */
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
