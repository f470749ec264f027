/**
 * Starts script threads. If one cannot be started, none is started for 0.1 s, then 0.2 s and so on
 * up to a minute. `problem` says why until one is ready.
 */

import type { Log } from '../log.ts';
import type { startScriptThread } from './script-thread.ts';
import { type ThreadEvents, WatchedThread } from './watched-thread.ts';

export interface ThreadStartsParts {
  readonly log: Log;
  /** Creates a thread. */
  readonly start: typeof startScriptThread;
  /** The first and the longest pause before another try, in milliseconds. */
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
}

export class ThreadStarts {
  readonly #parts: ThreadStartsParts;
  /** How many threads in a row could not be started. */
  #failures = 0;
  /** Until when none is started, in monotonic milliseconds. */
  #retryAt = 0;
  #problem: string | undefined;

  constructor(parts: ThreadStartsParts) {
    this.#parts = parts;
  }

  /** Why no thread can be started; undefined when no reason is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Starts a thread; undefined when the last attempts failed. */
  next({ ready, failed }: ThreadEvents): WatchedThread | undefined {
    if (performance.now() < this.#retryAt) return undefined;
    try {
      return new WatchedThread(this.#parts.start, {
        ready: () => {
          this.#failures = 0;
          this.#problem = undefined;
          ready();
        },
        failed,
      });
    } catch (error) {
      this.failed((error as Error).message);
      return undefined;
    }
  }

  /** Notes that a thread was never ready. */
  failed(reason: string): void {
    const { log, firstRetryMs, lastRetryMs } = this.#parts;
    const waitMs = Math.min(firstRetryMs * 2 ** this.#failures, lastRetryMs);
    this.#failures += 1;
    this.#retryAt = performance.now() + waitMs;
    this.#problem = `the thread of the scripts cannot be started: ${reason}`;
    log.error({ reason, waitMs }, 'profile scripts do not run: their thread cannot be started');
  }
}
