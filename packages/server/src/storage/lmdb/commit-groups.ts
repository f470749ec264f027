/**
 * Writes that share a commit: what is asked for while one is under way is done in the next, in one
 * transaction of the engine.
 *
 *   a work    waiting → its group's transaction runs it → settled when the commit is out
 *   a group   begins when the commit before it is out, and takes what waits when the engine gives it the turn
 *   stalled   the oldest work has waited for too long: another process holds the writer lock and does not go on, or the disk hangs.
 *             What waits is refused with nothing changed, what was run is unknown, and what comes is refused at once; until the
 *             engine gives the turn again or the commit is out
 *
 * The engine would gather works by itself, at the price of a promise and a step of its own for
 * each.
 */

import { QuiverError } from '../../errors.ts';

const RETRY = { headers: { 'retry-after': '1' } };

/** The most works of one commit, so that the first of them does not wait long for the last. */
export const MAX_GROUP = 256;
/**
 * After so many milliseconds the rest of a group is left to the next: other processes wait for
 * their turn.
 */
const GROUP_MS = 20;

/**
 * How long a work may take before writes are refused, in milliseconds. A disk may take seconds for
 * one commit.
 */
const LIMIT_MS = 5000;
/**
 * A timer this much too late says that this process was stopped itself: what it waits for may have
 * happened meanwhile.
 */
const LATE_MS = 500;

/** What a stalled group was doing: it waits for its turn, or for its commit to be on disk. */
export type StalledAt = 'turn' | 'commit';

export interface CommitGroupsOptions {
  /** How long a work may take, in milliseconds; 5,000 by default. */
  readonly limitMs?: number;
  /** Called when writes stall, and again after every further limit. */
  readonly onStall?: (at: StalledAt) => void;
}

/**
 * Runs a function in one write transaction; resolves when its commit is on disk, rejects when
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
  /** The works of the transaction under way, from when the engine has given it the turn. */
  #running: readonly Work[] | undefined;
  /** When the transaction under way was asked for, in the time of `performance`. */
  #askedAt = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #isStalled = false;

  /**
   * @param refusal what a caller gets when the engine has refused the commit; made anew for each
   */
  constructor(transact: Transact, refusal: (cause: unknown) => unknown, options: CommitGroupsOptions = {}) {
    this.#transact = transact;
    this.#refusal = refusal;
    this.#limitMs = options.limitMs ?? LIMIT_MS;
    this.#onStall = options.onStall ?? (() => undefined);
  }

  /** Whether writes are refused because the ones before do not end. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /**
   * Does `work` in the next commit and returns its result once that is on disk. Works are done in
   * the order in which they came.
   *
   * One that throws rejects its own caller alone, and what it has written by then stays: it decides
   * first and writes last.
   *
   * @throws QuiverError `unavailable` when its turn does not come in time, nothing is changed then; `unknown` when its commit is not out
   *   in time
   */
  add<Result>(work: () => Result): Promise<Result> {
    if (this.#isStalled) return Promise.reject(this.#noTurn());
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push(new Work(work, resolve as (result: unknown) => void, reject));
      this.#committing ??= this.#commitAll();
    });
  }

  /** Resolves when nothing waits any more. */
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
    // Whatever the transaction comes to: what was told is told.
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

  /** What it has thrown itself says more than that the others could not be stored. */
  refuse(refusal: (cause: unknown) => unknown, cause: unknown): void {
    this.#reject(this.#hasThrown ? this.#outcome : refusal(cause));
  }
}
