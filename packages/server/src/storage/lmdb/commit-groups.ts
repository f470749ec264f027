/**
 * Groups writes into commits: writes requested during a commit are done in the next one, in one
 * transaction of the engine.
 *
 * a work    waiting → run in its group's transaction → settled when the commit is done
 * a group   starts when the previous commit is done; takes all waiting works when the engine gives
 *           it the writer lock
 * stalled   the oldest work has waited too long: another process holds the writer lock and does not
 *           continue, or the disk hangs. Waiting works are refused (nothing changed), works already
 *           run have an unknown outcome, and new works are refused at once. Ends when the engine
 *           gives the lock again or the commit is done
 *
 * The engine can group works itself, but needs a promise and a step for each.
 */

import { QuiverError } from '../../errors.ts';

const RETRY = { headers: { 'retry-after': '1' } };

/** The most works per commit, so that the first does not wait long for the last. */
export const MAX_GROUP = 256;
/**
 * After this many milliseconds, the rest of a group is left to the next one, because other
 * processes wait for the lock.
 */
const GROUP_MS = 20;

/**
 * How long a work may take before writes are refused, in milliseconds. A disk can take seconds for
 * one commit.
 */
const LIMIT_MS = 5000;
/**
 * If a timer is this late, the process itself was suspended, so what it waits for may have happened
 * in the meantime.
 */
const LATE_MS = 500;

/** What a stalled group waits for: the writer lock, or its commit. */
export type StalledAt = 'turn' | 'commit';

export interface CommitGroupsOptions {
  /** How long a work may take, in milliseconds; 5,000 by default. */
  readonly limitMs?: number;
  /** Called when writes stall, and again each time the limit passes once more. */
  readonly onStall?: (at: StalledAt) => void;
}

/**
 * Runs a function in one write transaction. Resolves when the commit is on disk; rejects when
 * nothing of it is.
 */
export type Transact = (run: () => void) => Promise<unknown>;

export class CommitGroups {
  readonly #transact: Transact;
  readonly #refusal: (cause: unknown) => unknown;
  readonly #limitMs: number;
  readonly #onStall: (at: StalledAt) => void;
  #waiting: Work[] = [];
  #committing: Promise<void> | undefined;
  /** The works of the current transaction, once the engine has given it the lock. */
  #running: readonly Work[] | undefined;
  /** When the current transaction was requested, on the clock of `performance`. */
  #askedAt = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #isStalled = false;

  /** @param refusal creates the error for a caller when the engine has refused the commit */
  constructor(transact: Transact, refusal: (cause: unknown) => unknown, options: CommitGroupsOptions = {}) {
    this.#transact = transact;
    this.#refusal = refusal;
    this.#limitMs = options.limitMs ?? LIMIT_MS;
    this.#onStall = options.onStall ?? (() => undefined);
  }

  /** Whether writes are refused because earlier ones do not finish. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /**
   * Does `work` in the next commit and returns its result once that is on disk. Works are done in
   * the order of the calls.
   *
   * A work that throws rejects only its own caller, and what it has written by then stays. So it
   * must decide first and write last.
   *
   * @throws QuiverError `unavailable` when it does not get the lock in time, then nothing was
   *   changed; `unknown` when its commit is not done in time
   */
  add<Result>(work: () => Result): Promise<Result> {
    if (this.#isStalled) return Promise.reject(this.#noTurn());
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push(new Work(work, resolve as (result: unknown) => void, reject));
      this.#committing ??= this.#commitAll();
    });
  }

  /** Resolves when nothing is waiting any more. */
  async drained(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing;
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commitGroup();
    this.#committing = undefined;
  }

  async #commitGroup(): Promise<void> {
    let group: readonly Work[] | undefined;
    this.#askedAt = performance.now();
    if (this.#watchdog === undefined) this.#watch(this.#limitMs);
    try {
      await this.#transact(() => {
        const taken = this.#takeGroup();
        group = taken;
        this.#running = group;
        const until = performance.now() + GROUP_MS;
        let done = 0;
        while (done < taken.length) {
          taken[done]!.run();
          done += 1;
          if (performance.now() >= until) break;
        }
        if (done < taken.length) this.#waiting = [...taken.splice(done), ...this.#waiting];
      });
    } catch (cause) {
      for (const work of group ?? this.#takeGroup()) work.refuse(this.#refusal, cause);
      return;
    } finally {
      this.#running = undefined;
      this.#isStalled = false;
    }
    for (const work of group ?? []) work.settle();
  }

  #watch(afterMs: number): void {
    const due = performance.now() + afterMs;
    this.#watchdog = setTimeout(() => this.#lookForStall(due), afterMs);
    this.#watchdog.unref();
  }

  #lookForStall(due: number): void {
    this.#watchdog = undefined;
    if (this.#committing === undefined) return;
    const now = performance.now();
    const left = this.#askedAt + this.#limitMs - now;
    if (now - due > LATE_MS) this.#watch(this.#limitMs);
    else if (left > 0) this.#watch(left);
    else {
      this.#stall();
      this.#watch(this.#limitMs);
    }
  }

  #stall(): void {
    this.#isStalled = true;
    // A later outcome of the transaction does not matter: the callers have been answered.
    for (const work of this.#running ?? []) work.refuse(() => this.#notOut(), undefined);
    for (const work of this.#waiting.splice(0)) work.refuse(() => this.#noTurn(), undefined);
    this.#onStall(this.#running ? 'commit' : 'turn');
  }

  #noTurn(): QuiverError {
    const message =
      'The store takes no writes: another process holds it, or its disk hangs; nothing was changed';
    return new QuiverError('unavailable', message, RETRY);
  }

  #notOut(): QuiverError {
    return new QuiverError(
      'unknown',
      'The store has not confirmed the write in time; it may be stored',
      RETRY,
    );
  }

  #takeGroup(): Work[] {
    const group = this.#waiting;
    this.#waiting = group.length > MAX_GROUP ? group.splice(MAX_GROUP) : [];
    return group;
  }
}

class Work {
  readonly #work: () => unknown;
  readonly #resolve: (result: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #outcome: unknown;
  #hasThrown = false;

  constructor(work: () => unknown, resolve: (result: unknown) => void, reject: (error: unknown) => void) {
    this.#work = work;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  run(): void {
    try {
      this.#outcome = this.#work();
    } catch (error) {
      this.#outcome = error;
      this.#hasThrown = true;
    }
  }

  settle(): void {
    if (this.#hasThrown) this.#reject(this.#outcome);
    else this.#resolve(this.#outcome);
  }

  /** An error that the work itself threw is more specific than a failed commit. */
  refuse(refusal: (cause: unknown) => unknown, cause: unknown): void {
    this.#reject(this.#hasThrown ? this.#outcome : refusal(cause));
  }
}
