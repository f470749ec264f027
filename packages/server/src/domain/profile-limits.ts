/**
 * What bounds a profile that linking makes grow (contract section 3); what updates add is bounded
 * by section 5.
 */

export interface ProfileLimits {
  /**
   * The most ids that one profile may have. A visit that would add one more is refused and changes
   * nothing.
   */
  readonly ids: number;
  /**
   * The most bytes that the attributes of one profile may have after a merge, names and values as
   * they are stored.
   */
  readonly mergedBytes: number;
}

export const DEFAULT_LIMITS: ProfileLimits = { ids: 10_000, mergedBytes: 1024 * 1024 };

/** What a visit that would pass a limit comes to; nothing was changed. */
export type LimitOutcome = 'too-many-ids' | 'merge-too-large';

/**
 * Says which limit a visit would pass.
 *
 * @param ids how many the profile would have
 * @param addsIds whether the visit adds any: a profile that has too many already is served on
 * @param bytes of the attributes after a merge; undefined when nothing is merged
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

/** Why a visit was refused, to complete `ids: …`. */
export function limitReason(outcome: LimitOutcome): string {
  return outcome === 'too-many-ids'
    ? 'the profile has as many ids as this server allows one to have'
    : 'the profiles of these ids together would be larger than this server allows';
}
