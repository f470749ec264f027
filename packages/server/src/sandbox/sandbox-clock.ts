/**
 * The clock of one client of a sandbox. It can be set, stopped and moved, and actions can be
 * scheduled on it.
 *
 *   running   the system's time plus an offset; a real timer runs scheduled actions
 *   frozen    the time stands still; scheduled actions wait for `set` or `advance`
 *   moving    `advance` or `set` goes from one scheduled action to the next, and the time stands
 *             still until each is done; other callers that want to move the clock wait
 */

interface Due {
  readonly at: number;
  readonly work: () => void | Promise<void>;
}

/** The state of a clock. */
export interface ClockState {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly frozen: boolean;
}

/** The longest delay of a timer in the runtime, in milliseconds. */
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
   * @param start the system's clock by default
   * @param failed called with the error of a scheduled action that ran while no caller moved the
   *   clock
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

  /** Runs `work` at the given time. An error is thrown to the caller that moves the clock there. */
  at(time: number, work: Due['work']): void {
    const index = this.#due.findIndex((other) => other.at > time);
    this.#due.splice(index === -1 ? this.#due.length : index, 0, { at: time, work });
    this.#arm();
  }

  /** Drops all scheduled actions and returns to the initial state. */
  reset(start: ClockState | undefined): void {
    this.#due = [];
    this.#offset = 0;
    this.#frozenAt = undefined;
    if (start) this.#place(start);
    this.#arm();
  }

  /**
   * Moves to a time. Forwards, it runs the scheduled actions on the way; resolves when they are
   * done.
   */
  set({ now, frozen }: Partial<ClockState>): Promise<void> {
    return this.#move(async (wasFrozen) => {
      if (now !== undefined) await this.#goTo(now);
      this.#place({ now: now ?? this.now(), frozen: frozen ?? wasFrozen });
    });
  }

  /**
   * Moves forward by milliseconds. @returns a promise that resolves when everything that became due
   * is done
   */
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

  /**
   * Runs one move at a time. If it fails half-way, the clock stays at the time it has reached, and
   * runs if it ran before.
   */
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
