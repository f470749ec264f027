/**
 * The merge trail (contract section 20): keeps profiles that were merged into others, so that a
 * merge can be undone. `domain/unmerge.ts` has the rules. Errors and durability are those of
 * `profile-store.ts`. A record is written in the same transaction as the merge.
 */

import type { MergeRecord } from '../domain/unmerge.ts';
import type { VisitorId } from '../domain/visitor-id.ts';

/** The effect of undoing a merge. */
export interface Unmerged {
  readonly outcome: 'unmerged';
  readonly record: MergeRecord;
  /** Names of the attributes that the remaining profile loses. */
  readonly removed: readonly string[];
}

/** Nothing was changed, for the given reason. */
export interface UnmergeRefused {
  readonly outcome: 'refused';
  readonly reason: string;
  /** When the merge was undone already, in epoch milliseconds. */
  readonly undoneAt?: number | undefined;
}

/** Why a store that keeps no records undoes nothing. */
export const NOT_RECORDED = 'where the profile lives, no merges are recorded';

export type UnmergeOutcome = Unmerged | UnmergeRefused | { readonly outcome: 'not-found' };

export interface MergeTrail {
  /** Whether merges are recorded. */
  readonly isOn: boolean;
  /** The latest merges that involved one of the ids, newest first. */
  list(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]>;
  /** Undoes a merge; with `isPreview`, only says what that would do. */
  unmerge(client: string, id: string, now: number, isPreview: boolean): Promise<UnmergeOutcome>;
  /** As {@link list}, also merges of profiles that moved to another edge cluster or are gone. */
  recorded(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]>;
  /** A merge by its id, as in {@link recorded}. */
  find(client: string, id: string, now: number): Promise<MergeRecord | undefined>;
  /** As {@link unmerge}, for the record of any edge cluster. It is undone here at most once. */
  undo(
    client: string,
    record: MergeRecord,
    now: number,
    isPreview: boolean,
  ): Promise<Unmerged | UnmergeRefused>;
  /** Notes that another edge cluster has undone a merge, if it is recorded here. */
  noteUndone(client: string, record: MergeRecord, at: number): Promise<void>;
  /**
   * Removes every record that involves one of the ids.
   * @returns how many
   */
  eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number>;
}
