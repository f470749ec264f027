/**
 * The merge trail (contract section 20): what became of profiles that were merged into others, kept
 * so that a merge can be undone. Errors and durability are those of `profile-store.ts`. A record is
 * written in the very step that merges.
 */

import type { Profile } from '../domain/profile.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import type { LinkedId } from './profile-store.ts';

/** One merge. */
export interface MergeRecord {
  /** Begins with its time, so that records lie in their order. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** An id that named the merged profile right after the merge, and did not come from the other. */
  readonly into: VisitorId;
  /** Ids of the profile that was merged into it, oldest first, at most {@link MAX_MERGE_IDS}. */
  readonly ids: readonly LinkedId[];
  /** That profile as it was; undefined when it was too large to be kept. */
  readonly profile: Profile | undefined;
  /** Names of the attributes of which its values gave way. */
  readonly overruled: readonly string[];
  /** When it was undone, in epoch milliseconds. */
  readonly undoneAt: number | undefined;
}

/** What an undoing does, or would do. */
export interface Unmerged {
  readonly outcome: 'unmerged';
  readonly record: MergeRecord;
  /** Names of the attributes that the merged profile loses. */
  readonly removed: readonly string[];
}

/** `refused`: nothing was changed, for the reason given. */
export type UnmergeOutcome =
  | Unmerged
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'refused'; readonly reason: string };

/** A profile with more ids than this is recorded without its attributes, and cannot be undone. */
export const MAX_MERGE_IDS = 100;
/** So is one with more bytes of attributes. */
export const MAX_MERGE_ATTRIBUTES = 256 * 1024;

export interface MergeTrail {
  /** Whether merges are recorded. */
  readonly isOn: boolean;
  /** The newest merges in which an id had a part, newest first. */
  list(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]>;
  /** Undoes a merge; with `isPreview` only says what that would do. */
  unmerge(client: string, id: string, now: number, isPreview: boolean): Promise<UnmergeOutcome>;
  /** Removes every record in which one of the ids had a part. @returns how many */
  eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number>;
}
