/**
 * The merge trail (contract section 20): keeps profiles that were merged into others, so that a
 * merge can be undone. Errors and durability are those of `profile-store.ts`. A record is written
 * in the same transaction as the merge.
 */

import type { Profile } from '../domain/profile.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import type { LinkedId } from './profile-store.ts';

/** One merge. */
export interface MergeRecord {
  /** Starts with its time, so records are ordered by time. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /**
   * An id that named the remaining profile right after the merge, and did not come from the merged
   * one.
   */
  readonly into: VisitorId;
  /** Ids of the profile that was merged, oldest first, at most {@link MAX_MERGE_IDS}. */
  readonly ids: readonly LinkedId[];
  /** The merged profile as it was before; undefined when it was too large to keep. */
  readonly profile: Profile | undefined;
  /** Names of the attributes whose values in the merged profile were overruled. */
  readonly overruled: readonly string[];
  /** When it was undone, in epoch milliseconds. */
  readonly undoneAt: number | undefined;
}

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

/**
 * A profile with more ids is recorded without its attributes, so that the merge cannot be undone.
 */
export const MAX_MERGE_IDS = 100;
/** The same applies to a profile with more bytes of attributes. */
export const MAX_MERGE_ATTRIBUTES = 256 * 1024;

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
