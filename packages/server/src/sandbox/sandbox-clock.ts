/**
 * The clock of one client of a sandbox: it can be set, stopped and moved on, and things can be due on it.
 *
 *   running   the time is that of the system, moved by an offset    a real timer does what is due
 *   frozen    the time stands still                                 what is due waits for `set` or `advance`
 *   moving    `advance` or `set` goes from one due thing to the     others who want to move it wait
 *             next; the time stands at each until it is done
 */

interface Due {
  readonly at: number;
  readonly work: () => void | Promise<void>;
}

/** Where a clock stands. */
export interface ClockState {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly frozen: boolean;
}

/** The longest a timer of the runtime can wait, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

export class SandboxClock {
  #offset = 0;
  #frozenAt: number | undefined;
  #due: Due[] = [];
  #timer: NodeJS.Timeout | undefined;
  #moving: Promise<void> = Promise.resolve();
  #isMoving = false;
  #isClosed = false;

  readonly #failed: (error: unknown) => void;

  /**
   * @param start the clock of the system when it is left out
   * @param failed told what went wrong when something was due and nobody moved the clock
   */
  constructor(start?: ClockState, failed: (error: unknown) => void = () => undefined) {
    this.#failed = failed;
    if (start) this.#place(start);
  }

  /** Epoch milliseconds. */
  readonly now = (): number => this.#frozenAt ?? Date.now() + this.#offset;

  get state(): ClockState {
    return { now: this.now(), frozen: this.#frozenAt !== undefined };
  }

  /** Does `work` when the time has come. What it throws goes to the one who moves the clock there. */
  at(time: number, work: Due['work']): void {
    const index = this.#due.findIndex((other) => other.at > time);
    this.#due.splice(index === -1 ? this.#due.length : index, 0, { at: time, work });
    this.#arm();
  }

  /** Forgets all that is due, and stands as a new clock does. */
  reset(start: ClockState | undefined): void {
    this.#due = [];
    this.#offset = 0;
    this.#frozenAt = undefined;
    if (start) this.#place(start);
    this.#arm();
  }

  /** Goes to a time; forwards it does what is due on the way, and returns when that is done. */
  set({ now, frozen }: Partial<ClockState>): Promise<void> {
    return this.#move(async (wasFrozen) => {
      if (now !== undefined) await this.#goTo(now);
      this.#place({ now: now ?? this.now(), frozen: frozen ?? wasFrozen });
    });
  }

  /** Goes forwards by milliseconds. @returns when all that became due is done */
  advance(ms: number): Promise<void> {
    return this.#move(async (wasFrozen) => {
      const target = this.now() + ms;
      await this.#goTo(target);
      this.#place({ now: target, frozen: wasFrozen });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#due = [];
    clearTimeout(this.#timer);
  }

  #place({ now, frozen }: ClockState): void {
    this.#offset = now - Date.now();
    this.#frozenAt = frozen ? now : undefined;
  }

  /** One move at a time. One that fails half-way leaves the clock where it came to, running if it ran before. */
  #move(go: (wasFrozen: boolean) => Promise<void>): Promise<void> {
    this.#moving = this.#moving
      .catch(() => undefined)
      .then(async () => {
        const wasFrozen = this.#frozenAt !== undefined;
        this.#isMoving = true;
        try {
          await go(wasFrozen);
        } catch (error) {
          this.#place({ now: this.now(), frozen: wasFrozen });
          throw error;
        } finally {
          this.#isMoving = false;
          this.#arm();
        }
      });
    return this.#moving;
  }

  async #goTo(target: number): Promise<void> {
    for (let next = this.#due[0]; next && next.at <= target; next = this.#due[0]) {
      this.#due.shift();
      this.#frozenAt = Math.max(this.now(), next.at);
      await next.work();
    }
  }

  /** Sets the real timer of a running clock. */
  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#due[0];
    if (
      !next ||
      this.#isMoving ||
      this.#isClosed ||
      (this.#frozenAt !== undefined && next.at > this.#frozenAt)
    ) {
      return;
    }
    const wait = Math.min(Math.max(0, next.at - this.now()), LONGEST_TIMER);
    this.#timer = setTimeout(() => void this.advance(0).catch(this.#failed), wait);
    this.#timer.unref();
  }
}
