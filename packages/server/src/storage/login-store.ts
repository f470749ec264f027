/**
 * The storage contract of failed admin logins: how many one address has made in the last minute, counted over all processes, so that a
 * guesser does not get a minute's worth of guesses from each. Errors and durability are as in `profile-store.ts`.
 */

/** How long a failed login counts, in milliseconds. */
export const LOGIN_WINDOW = 60_000;
/** How many are remembered of an address at the most; beyond it they count as so many. */
export const MAX_LOGINS_KEPT = 32;

export interface LoginStore {
  /** Failed logins of an address within {@link LOGIN_WINDOW} before `now`. */
  failures(address: string, now: number): Promise<number>;

  /** Notes one; gives how many there are with it. */
  fail(address: string, now: number): Promise<number>;
}
