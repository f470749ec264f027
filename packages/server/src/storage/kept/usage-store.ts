/**
 * Usage counts by client, day and kind (contract section 10). Errors and durability are those of
 * `record-store.ts`. An addition that was answered with `unknown` must not be repeated, because it
 * may have been counted: a sum may be too low, never too high.
 */

import type { UsageKind } from '../../domain/usage-kind.ts';
import { QuiverError } from '../../errors.ts';
import type { RecordKind, RecordStore } from '../record-store.ts';

/** Counts by kind; a missing kind counts as 0. */
export type UsageCounts = { readonly [Kind in UsageKind]?: number };

export interface UsageOfDay {
  readonly client: string;
  /** UTC, `2026-11-24`. */
  readonly day: string;
  readonly counts: UsageCounts;
}

export interface UsageStore {
  /** Adds to the stored counts. */
  add(additions: readonly UsageOfDay[]): Promise<void>;

  /** The days of a client with any count, from `from` to `to`, both included, in order. */
  read(client: string, from: string, to: string): Promise<UsageOfDay[]>;

  /**
   * Removes days before `day`, a few with each call.
   * @returns whether there may be more to remove
   */
  expire(client: string, day: string): Promise<boolean>;
}

/** A record for each day, as JSON; the day is the key. */
const USAGE: RecordKind = { name: 'usage', owner: 'client', purpose: 'ordinary' };
const EXPIRED_AT_ONCE = 100;

export function usageStore(records: RecordStore): UsageStore {
  return {
    async add(additions) {
      const added = await Promise.allSettled(
        additions.map(({ client, day, counts }) =>
          records.change(USAGE, client, day, (kept) => JSON.stringify(sumOf(kept, counts))),
        ),
      );
      const failed = added.find((one) => one.status === 'rejected');
      if (!failed) return;
      const isWholly = added.every((one) => one.status === 'rejected' && one.reason.code !== 'unknown');
      if (isWholly) throw failed.reason;
      throw new QuiverError('unknown', 'Some of the usage was not counted', { cause: failed.reason });
    },

    async read(client, from, to) {
      const days = await records.range(USAGE, client, { from, before: `${to}\0` });
      return days.map(({ key, value }) => ({ client, day: key, counts: JSON.parse(value) as UsageCounts }));
    },

    async expire(client, day) {
      const range = { before: day, limit: EXPIRED_AT_ONCE };
      return (await records.remove(USAGE, client, range)) === EXPIRED_AT_ONCE;
    },
  };
}

function sumOf(kept: string | undefined, counts: UsageCounts): Record<string, number> {
  const sum: Record<string, number> = kept === undefined ? {} : JSON.parse(kept);
  for (const [kind, count] of Object.entries(counts)) sum[kind] = (sum[kind] ?? 0) + count;
  return sum;
}
