/**
 * Deadlines of many calls with one timer, because a timer for each call costs as much as the rest
 * of a call.
 */

/** How often they are looked at, in milliseconds. */
const LOOK_EVERY_MS = 10;

interface Waiting {
  readonly end: number;
  readonly late: () => void;
}

const waiting = new Set<Waiting>();
let isLooking = false;

/**
 * Waits for an attempt until `end` (epoch milliseconds). An attempt that is still running then
 * continues, but nobody waits for it.
 *
 * @throws Error when the time is up
 */
export function beforeIts<Result>(end: number, attempt: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const one = { end, late: () => reject(new Error('the time is up')) };
    waiting.add(one);
    if (!isLooking) setTimeout(look, LOOK_EVERY_MS);
    isLooking = true;
    attempt.then(
      (result) => {
        waiting.delete(one);
        resolve(result);
      },
      (error: unknown) => {
        waiting.delete(one);
        reject(error);
      },
    );
  });
}

function look(): void {
  const now = Date.now();
  for (const one of waiting) {
    if (one.end > now) continue;
    waiting.delete(one);
    one.late();
  }
  isLooking = waiting.size > 0;
  if (isLooking) setTimeout(look, LOOK_EVERY_MS);
}
