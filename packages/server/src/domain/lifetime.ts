/** How long a profile lives (contract section 10). All times are milliseconds since the epoch. */

const DAY = 24 * 60 * 60 * 1000;

export const DEFAULT_LIFETIME_DAYS = 14;

/** The moment at which a write is made, and how long what it touches lives from then on. */
export interface WriteMoment {
  /** Now, in epoch milliseconds. */
  readonly now: number;
  /** The client's profile lifetime in force at this write, in days. */
  readonly lifetimeDays: number;
}

/** When a profile that is written at this moment expires. */
export function expiryOf(moment: WriteMoment): number {
  return moment.now + moment.lifetimeDays * DAY;
}

/** Whether a profile is gone for every reader: from the very millisecond of its expiry on. */
export function isExpired(profile: { readonly expiresAt: number }, now: number): boolean {
  return profile.expiresAt <= now;
}
