/**
 * Writes that share a commit: what is asked for while one is under way is done in the next, in one transaction of the engine.
 *
 *   a work    waiting → its group's transaction runs it → settled when the commit is out
 *   a group   begins when the commit before it is out, and takes what waits when the engine gives it the turn
 *
 * The engine would gather works by itself, at the price of a promise and a step of its own for each.
 */

/** The most works of one commit, so that the first of them does not wait long for the last. */
export const MAX_GROUP = 256;

/** Runs a function in one write transaction; resolves when its commit is on disk, rejects when nothing of it is. */
export type Transact = (run: () => void) => Promise<unknown>;

export class CommitGroups {
  readonly #transact: Transact;
  readonly #refusal: (cause: unknown) => unknown;
  #waiting: Work[] = [];
  #committing: Promise<void> | undefined;

  /** @param refusal what a caller gets when the engine has refused the commit; made anew for each */
  constructor(transact: Transact, refusal: (cause: unknown) => unknown) {
    this.#transact = transact;
    this.#refusal = refusal;
  }

  /**
   * Does `work` in the next commit and returns its result once that is on disk. Works are done in the order in which they came.
   *
   * One that throws rejects its own caller alone, and what it has written by then stays: it decides first and writes last.
   */
  add<Result>(work: () => Result): Promise<Result> {
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
    try {
      await this.#transact(() => {
        group = this.#takeGroup();
        for (const work of group) work.run();
      });
    } catch (cause) {
      for (const work of group ?? this.#takeGroup()) work.refuse(this.#refusal, cause);
      return;
    }
    for (const work of group ?? []) work.settle();
  }

  #takeGroup(): readonly Work[] {
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
