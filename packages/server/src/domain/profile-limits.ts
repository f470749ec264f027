/**
 * Limits for a profile that grows by linking (contract section 3); section 5 limits what updates
 * add.
 */

export interface ProfileLimits {
  /** The most ids of one profile. A visit that would add another is refused and changes nothing. */
  readonly ids: number;
  /**
   * The most bytes of attributes of one profile after a merge: names and values as they are stored.
   */
  readonly mergedBytes: number;
}

export const DEFAULT_LIMITS: ProfileLimits = { ids: 10_000, mergedBytes: 1024 * 1024 };

/** The outcome of a visit that would exceed a limit; nothing was changed. */
export type LimitOutcome = 'too-many-ids' | 'merge-too-large';

/**
 * Says which limit a visit would exceed.
 *
 * @param ids how many the profile would have
 * @param addsIds whether the visit adds any; a profile with too many ids can still be visited
 * @param bytes of attributes after a merge; undefined without a merge
 */
export function limitPassed(
  limits: ProfileLimits,
  ids: number,
  addsIds: boolean,
  bytes: number | undefined,
): LimitOutcome | undefined {
  if (addsIds && ids > limits.ids) return 'too-many-ids';
  return bytes !== undefined && bytes > limits.mergedBytes ? 'merge-too-large' : undefined;
}

/** Why a visit was refused, as a phrase that completes `ids: …`. */
export function limitReason(outcome: LimitOutcome): string {
  return outcome === 'too-many-ids'
    ? 'the profile has as many ids as this server allows one to have'
    : 'the profiles of these ids together would be larger than this server allows';
}
