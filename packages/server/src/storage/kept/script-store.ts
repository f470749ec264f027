/**
 * The profile scripts of each client (contract section 16), and how often they ran. Errors and
 * durability are those of `record-store.ts`.
 */

import { MAX_SCRIPTS } from '../../domain/script-rules.ts';
import type { ChangeOutcome, RecordKind, RecordStore } from '../record-store.ts';

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

/** The counts of a script since it was created. */
export interface ScriptCounts {
  readonly runs: number;
  /** Runs that failed. */
  readonly errors: number;
  /** The last error; undefined when there was none. */
  readonly lastError?: { readonly message: string; readonly at: number } | undefined;
}

export const NO_SCRIPT_COUNTS: ScriptCounts = { runs: 0, errors: 0 };

/** A record for each script. */
const SCRIPTS: RecordKind = {
  name: 'scripts',
  owner: 'client',
  purpose: 'ordinary',
  most: MAX_SCRIPTS,
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
   * @param change receives the stored script, undefined when there is none, and returns the new
   *   one, undefined to remove it; if it throws, nothing changes
   * @returns `full` when the client has the maximum number of scripts; nothing is changed then
   */
  change(
    client: string,
    name: string,
    change: (kept: StoredScript | undefined) => StoredScript | undefined,
  ): Promise<ChangeOutcome>;

  /** The counts of all scripts, by name. */
  counts(client: string): Promise<ReadonlyMap<string, ScriptCounts>>;

  /** Adds to the counts; the given last error replaces the stored one. */
  count(client: string, name: string, more: ScriptCounts): Promise<void>;

  /** Removes the counts of a script. */
  forgetCounts(client: string, name: string): Promise<void>;
}

export function scriptStore(records: RecordStore): ScriptStore {
  return {
    changes: records.counter(SCRIPTS),

    async list(client) {
      return (await records.range(SCRIPTS, client)).map(({ value }) => JSON.parse(value) as StoredScript);
    },

    change(client, name, change) {
      return records.change(SCRIPTS, client, name, (kept) => {
        const script = change(kept === undefined ? undefined : (JSON.parse(kept) as StoredScript));
        return script === undefined ? undefined : JSON.stringify(script);
      });
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
