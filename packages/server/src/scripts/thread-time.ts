/**
 * How much processor time a thread has used. On a busy machine a thread may not run for a while
 * through no fault of its own, so scripts are judged by this and not by the clock.
 */

import { readFileSync, readlinkSync } from 'node:fs';

/** The number of the calling thread; 0 if the system does not tell. */
export function ownThread(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}

/**
 * Milliseconds of processor time that a thread of this process has used; if the system does not
 * tell, or the thread is gone, the time of a clock. Only differences for the same thread are
 * meaningful. Costs about ten microseconds.
 */
export function threadTime(thread: number): number {
  if (thread === 0) return performance.now();
  try {
    return Number.parseInt(readFileSync(`/proc/self/task/${thread}/schedstat`, 'latin1'), 10) / 1e6;
  } catch {
    return performance.now();
  }
}
