/**
 * The storage contract of usage: what was counted, a client, a day and a kind (contract section 10). Errors and durability are as in
 * `profile-store.ts`. An addition that was answered with `unknown` must not be made again, for it may have been counted: so a sum may come
 * out short, never too high.
 */

import type { UsageKind } from '../domain/usage-kind.ts';

/** Counts by kind; a kind that is not there counts 0. */
export type UsageCounts = { readonly [Kind in UsageKind]?: number };

export interface UsageOfDay {
  readonly client: string;
  /** UTC, `2026-11-24`. */
  readonly day: string;
  readonly counts: UsageCounts;
}

export interface UsageStore {
  /** Adds to what was counted before. */
  add(additions: readonly UsageOfDay[]): Promise<void>;

  /** The days of a client on which anything was counted, from `from` to `to`, both included, in order. */
  read(client: string, from: string, to: string): Promise<UsageOfDay[]>;

  /** Removes days before `day`, a few a call; whether more may be due. */
  expire(client: string, day: string): Promise<boolean>;
}
