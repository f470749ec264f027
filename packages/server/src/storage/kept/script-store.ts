/**
 * The profile scripts of each client (contract section 16), and how often they ran. Errors and
 * durability are those of `record-store.ts`.
 */

import { MAX_SCRIPTS } from '../../domain/script-rules.ts';
import type { ChangeOutcome, RecordKind, RecordStore } from '../record-store.ts';
import { type SharedRecords, sharedRecords } from './shared-records.ts';

/** A stored script. */
export interface StoredScript {
  readonly name: string;
  /** The body of a function. */
  readonly source: string;
  /** Whether an administrator wants it to run. */
  readonly isEnabled: boolean;
  /**
   * When an administrator or Quiver last changed it, in epoch milliseconds; increases with each
   * change.
   */
  readonly changedAt: number;
  /** Why and when Quiver has disabled it; undefined when it has not. */
  readonly off?: { readonly reason: string; readonly at: number } | undefined;
}

/**
 * What is kept of a deleted script, so that another edge cluster that still has it deletes it too.
 */
export interface DeletedScript {
  readonly name: string;
  readonly isDeleted: true;
  readonly changedAt: number;
}

type KeptScript = (StoredScript & { readonly isDeleted?: undefined }) | DeletedScript;

/** The counts of a script since it was created. */
export interface ScriptCounts {
  readonly runs: number;
  /** Runs that failed. */
  readonly errors: number;
  /** The last error; undefined when there was none. */
  readonly lastError?: { readonly message: string; readonly at: number } | undefined;
}

export const NO_SCRIPT_COUNTS: ScriptCounts = { runs: 0, errors: 0 };

/** How many deleted scripts are remembered for each client: the latest. */
const MAX_DELETED = 1000;

/** A record for each script, also for those that were deleted. */
const SCRIPTS: RecordKind = {
  name: 'scripts',
  owner: 'client',
  purpose: 'ordinary',
  // Two clusters that were apart may have up to MAX_SCRIPTS different scripts each.
  most: 4 * MAX_SCRIPTS,
  isCounted: true,
};
const COUNTS: RecordKind = { name: 'script-counts', owner: 'client', purpose: 'ordinary' };

export interface ScriptStore {
  /**
   * Counts the changes to any client's scripts, see `RecordStore.counter`; undefined where that
   * would take a round trip.
   */
  readonly changes: (() => number) | undefined;

  /** All scripts of a client by name. */
  list(client: string): Promise<StoredScript[]>;

  /**
   * Changes a script in one step.
   *
   * @param change receives the stored script, undefined when there is none, and when the script was
   *   last changed or deleted, 0 when it is new; returns the new one, undefined to change nothing;
   *   if it throws, nothing changes
   * @returns `full` when there is no room; nothing is changed then
   */
  change(
    client: string,
    name: string,
    change: (kept: StoredScript | undefined, lastChange: number) => StoredScript | DeletedScript | undefined,
  ): Promise<ChangeOutcome>;

  /** Forgets the oldest deletions if there are many. */
  forgetDeleted(client: string): Promise<void>;

  /** Scripts and deletions, for the exchange with other edge clusters. */
  readonly shared: SharedRecords;

  /** The counts of all scripts, by name. */
  counts(client: string): Promise<ReadonlyMap<string, ScriptCounts>>;

  /** Adds to the counts; the given last error replaces the stored one. */
  count(client: string, name: string, more: ScriptCounts): Promise<void>;

  /** Removes the counts of a script. */
  forgetCounts(client: string, name: string): Promise<void>;
}

export function scriptStore(records: RecordStore): ScriptStore {
  const all = async (client: string) =>
    (await records.range(SCRIPTS, client)).map(({ value }) => JSON.parse(value) as KeptScript);
  return {
    changes: records.counter(SCRIPTS),
    shared: sharedRecords(records, { kind: SCRIPTS, join: laterScript }),

    async list(client) {
      return (await all(client)).filter((one): one is StoredScript => !one.isDeleted);
    },

    change(client, name, change) {
      return records.change(SCRIPTS, client, name, (value) => {
        const kept = value === undefined ? undefined : (JSON.parse(value) as KeptScript);
        const script = change(kept?.isDeleted ? undefined : kept, kept?.changedAt ?? 0);
        return script === undefined ? value : JSON.stringify(script);
      });
    },

    async forgetDeleted(client) {
      const deleted = (await all(client)).filter((one) => one.isDeleted);
      deleted.sort((one, other) => other.changedAt - one.changedAt);
      for (const { name, changedAt } of deleted.slice(MAX_DELETED)) {
        await records.change(SCRIPTS, client, name, (value) => {
          const kept = value === undefined ? undefined : (JSON.parse(value) as KeptScript);
          return kept?.isDeleted && kept.changedAt === changedAt ? undefined : value;
        });
      }
    },

    async counts(client) {
      const kept = await records.range(COUNTS, client);
      return new Map(kept.map(({ key, value }) => [key, JSON.parse(value) as ScriptCounts]));
    },

    async count(client, name, more) {
      await records.change(COUNTS, client, name, (kept) => {
        const { runs, errors, lastError } = kept === undefined ? NO_SCRIPT_COUNTS : JSON.parse(kept);
        return JSON.stringify({
          runs: runs + more.runs,
          errors: errors + more.errors,
          lastError: more.lastError ?? lastError,
        } satisfies ScriptCounts);
      });
    },

    async forgetCounts(client, name) {
      await records.change(COUNTS, client, name, () => undefined);
    },
  };
}

/** The later of two changes of one script; of two at the same time the one that sorts last. */
function laterScript(one: string, other: string): string {
  const [changed, otherChanged] = [one, other].map((text) => (JSON.parse(text) as KeptScript).changedAt);
  if (changed !== otherChanged) return changed! > otherChanged! ? one : other;
  return one > other ? one : other;
}
