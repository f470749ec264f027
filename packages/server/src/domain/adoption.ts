/**
 * Adoption: how a profile that comes from another edge cluster finds its place (contract section 8).
 *
 *   state of one of its ids here    what happens
 *   ------------------------------  ---------------------------------------------------------------------------------------------
 *   unknown                         it joins the profile
 *   names a profile, and not both   the two become one, attribute by attribute the newest; a second such profile joins them
 *   bear different thirdPartyIds
 *   names another person's          the id stays there: whoever showed up last on a shared device has it
 *
 * The strongest id that names a profile which fits gives the target; without one the profile is founded anew for its strongest unknown id.
 */

import type { KnownId, LinkStep } from './linking.ts';
import type { VisitorId } from './visitor-id.ts';

export interface AdoptionPlan<Key> {
  /** The existing profile that takes in the other; undefined when it is founded anew. */
  readonly target: Key | undefined;
  /** The id that it is founded for; undefined when the target exists. */
  readonly founder: VisitorId | undefined;
  readonly steps: readonly Exclude<LinkStep<Key>, { readonly kind: 'repoint' }>[];
}

/**
 * Decides what becomes of the ids of an adopted profile.
 *
 * @param known its ids strongest first, never empty, each with the profile that it names here
 * @param thirdPartyId the adopted profile's
 */
export function planAdoption<Key>(
  known: readonly KnownId<Key>[],
  thirdPartyId: string | undefined,
): AdoptionPlan<Key> {
  let person = thirdPartyId;
  const fits = (other: string | undefined) => other === undefined || person === undefined || other === person;
  const target = known.find(({ profile }) => profile && fits(profile.thirdPartyId))?.profile;
  person ??= target?.thirdPartyId;
  const founder = target ? undefined : known.find(({ profile }) => !profile)?.id;
  if (!target && !founder) throw new RangeError('a profile bears the id of its own person');
  const steps: Exclude<LinkStep<Key>, { readonly kind: 'repoint' }>[] = [];
  const merged = new Set<Key>();
  for (const { id, profile } of known) {
    if (id === founder) continue;
    if (!profile) {
      steps.push({ kind: 'join', id });
    } else if (profile.key !== target?.key && !merged.has(profile.key) && fits(profile.thirdPartyId)) {
      steps.push({ kind: 'merge', from: profile.key });
      merged.add(profile.key);
      person ??= profile.thirdPartyId;
    }
  }
  return { target: target?.key, founder, steps };
}
