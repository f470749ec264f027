/**
 * The storage contract of logins: how many failed ones an address has made in the last minute, counted over all processes, so that a guesser
 * does not get a minute's worth of guesses from each; and which sessions somebody has ended before their time. Errors and durability are as
 * in `profile-store.ts`.
 */

/** How long a failed login counts, in milliseconds. */
export const LOGIN_WINDOW = 60_000;
/** How many are remembered of an address at the most; beyond it they count as so many. */
export const MAX_LOGINS_KEPT = 32;

/** How long a session lasts at the most, in milliseconds: so long it is remembered that one was ended. */
export const LONGEST_SESSION = 12 * 3600 * 1000;

export interface EndedSession {
  readonly session: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface LoginStore {
  /** Failed logins of an address within {@link LOGIN_WINDOW} before `now`. */
  failures(address: string, now: number): Promise<number>;

  /** Notes one; gives how many there are with it. */
  fail(address: string, now: number): Promise<number>;

  /** Notes that a session has ended, at `at` in epoch milliseconds; every process knows it once this returns. */
  endSession(session: string, at: number): Promise<void>;

  /** Whether somebody has ended the session. */
  hasEnded(session: string): Promise<boolean>;

  /** Sessions that were ended within {@link LONGEST_SESSION} before `now`, the last first. */
  endedSessions(now: number, limit: number): Promise<EndedSession[]>;
}
