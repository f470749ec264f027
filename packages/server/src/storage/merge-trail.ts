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

/** `refused`: nothing was changed, for the given reason. */
export type UnmergeOutcome =
  | Unmerged
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'refused'; readonly reason: string };

export interface MergeTrail {
  /** Whether merges are recorded. */
  readonly isOn: boolean;
  /** The latest merges that involved one of the ids, newest first. */
  list(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]>;
  /** Undoes a merge; with `isPreview`, only says what that would do. */
  unmerge(client: string, id: string, now: number, isPreview: boolean): Promise<UnmergeOutcome>;
  /**
   * Removes every record that involves one of the ids.
   * @returns how many
   */
  eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number>;
}
