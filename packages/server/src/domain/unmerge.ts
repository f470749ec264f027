/**
 * Merges and undoing them (contract section 20): what is recorded, and what undoing changes.
 *
 * Every id has the time since which it names its profile. A merge keeps that time, and any later
 * move gives a new one, so the time shows whether an id is still where the merge put it. For an
 * attribute, value and time show whether it still is the one that came with the merge.
 *
 * This file only decides; engines record merges and carry out the plan.
 */

import { commonNames, listAttributes, type PackedAttributes, removeAttribute } from './attributes.ts';
import type { Profile } from './profile.ts';
import { sameId, type VisitorId } from './visitor-id.ts';

/** An id of a profile, and since when it names that profile, in epoch milliseconds. */
export type DatedId = VisitorId & { readonly since: number };

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
  readonly ids: readonly DatedId[];
  /** The merged profile as it was before; undefined when it was too large to keep. */
  readonly profile: Profile | undefined;
  /** Names of the attributes whose values in the merged profile were overruled. */
  readonly overruled: readonly string[];
  /** When it was undone, in epoch milliseconds. */
  readonly undoneAt: number | undefined;
}

/**
 * A profile with more ids is recorded without its attributes, so that the merge cannot be undone.
 */
export const MAX_MERGE_IDS = 100;
/** The same applies to a profile with more bytes of attributes. */
const MAX_MERGE_ATTRIBUTES = 256 * 1024;

/** Why a merge is not undone twice. */
export const UNDONE_ALREADY = 'it was undone already';

/** The two profiles into which undoing a merge splits one. */
export interface UnmergePlan {
  /** The profile of the ids that leave. */
  readonly separate: Profile;
  /** The profile that keeps all other ids. */
  readonly remaining: Profile;
  /** Names of the attributes that the remaining profile loses. */
  readonly removed: readonly string[];
}

/**
 * What a record says about the profile that is merged.
 *
 * @param idCount how many ids name the profile
 * @param present the attributes of the remaining profile before this merge
 */
export function recordedMerge(
  profile: Profile,
  idCount: number,
  present: PackedAttributes,
): Pick<MergeRecord, 'profile' | 'overruled'> {
  const { attributes } = profile;
  const isWhole = idCount <= MAX_MERGE_IDS && attributes.length <= MAX_MERGE_ATTRIBUTES;
  return { profile: isWhole ? profile : undefined, overruled: commonNames(present, attributes) };
}

/**
 * Whether a record still counts: one of its ids names the profile that it named right after the
 * merge.
 *
 * @param living ids that name living profiles
 */
export function isCurrent({ into, at, ids }: MergeRecord, living: readonly DatedId[]): boolean {
  return [{ ...into, since: at }, ...ids].some((id) =>
    living.some((one) => one.since <= id.since && sameId(one, id)),
  );
}

/**
 * Plans to undo a merge.
 *
 * @param merged the profile that `into` of the record names, with all its ids; undefined when there
 *   is none
 * @returns the reason when the merge cannot be undone
 */
export function planUnmerge(
  record: MergeRecord,
  merged: { readonly profile: Profile; readonly ids: readonly DatedId[] } | undefined,
  now: number,
): UnmergePlan | string {
  const was = record.profile;
  if (record.undoneAt !== undefined) return UNDONE_ALREADY;
  if (!was) return 'the profile was too large to be kept as it was';
  if (!merged) return 'the merged profile has expired or was removed';
  const isLeft = (id: DatedId) => merged.ids.some((one) => one.since === id.since && sameId(one, id));
  if (!record.ids.every(isLeft)) {
    return 'an id that came with the merge names another profile by now, or none';
  }
  const { profile } = merged;
  const modifiedAt = Math.max(now, profile.modifiedAt);
  const removed = arrivedNames(record, was, profile);
  return {
    separate: { ...was, modifiedAt, expiresAt: profile.expiresAt },
    remaining: {
      ...profile,
      thirdPartyId: was.thirdPartyId === undefined ? profile.thirdPartyId : undefined,
      modifiedAt,
      attributes: removed.reduce(removeAttribute, profile.attributes),
    },
    removed,
  };
}

/** Names of the attributes that came with the merge and are unchanged since. */
function arrivedNames({ overruled }: MergeRecord, was: Profile, merged: Profile): string[] {
  const attributes = new Map(listAttributes(was.attributes).map((one) => [one.name, one]));
  const lost = new Set(overruled);
  return listAttributes(merged.attributes).flatMap(({ name, value, modifiedAt }) => {
    const one = lost.has(name) ? undefined : attributes.get(name);
    return one?.value === value && one.modifiedAt === modifiedAt ? [name] : [];
  });
}
