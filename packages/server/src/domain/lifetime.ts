/** How long a profile lives (contract section 10). All times are milliseconds since the epoch. */

import type { ChangeChannel } from './change.ts';
import type { ClientRules, WhenTooLarge } from './client-rules.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

export const DEFAULT_LIFETIME_DAYS = 14;

/** The rules of a client that apply to a write. */
export interface WriteRules extends Pick<ClientRules, 'lifetimeDays'> {
  /** `refuse` by default. */
  readonly whenTooLarge?: WhenTooLarge;
}

/** The time of a write, and the rules at that time. */
export interface WriteMoment extends WriteRules {
  /** Now, in epoch milliseconds. */
  readonly now: number;
  /** How the write came, for the change feed, if the method does not imply it. */
  readonly through?: ChangeChannel | undefined;
}

/** When a profile that is written at this moment expires. */
export function expiryOf(moment: WriteMoment): number {
  return moment.now + moment.lifetimeDays * DAY_MS;
}

/** Whether a profile does not exist for readers: from the millisecond of its expiry on. */
export function isExpired(profile: { readonly expiresAt: number }, now: number): boolean {
  return profile.expiresAt <= now;
}
