import { setTimeout as pause } from 'node:timers/promises';
import { busy } from './cells.ts';

/**
 * Repeats an attempt while other processes win, that is while its result is undefined.
 *
 * @param until epoch milliseconds
 */
export async function untilWritten<Result>(
  until: number,
  attempt: (until: number) => Promise<Result | undefined>,
): Promise<Result> {
  for (let wait = 2; Date.now() < until; wait = Math.min(2 * wait, 100)) {
    const result = await attempt(until);
    if (result !== undefined) return result;
    await pause(wait * Math.random());
  }
  throw busy();
}
