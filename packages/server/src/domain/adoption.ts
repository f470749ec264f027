/**
 * Adoption: how a profile that comes from another edge cluster is joined with the profiles here
 * (contract section 8).
 *
 * state of one of its ids here         what happens
 * -----------------------------------  ------------------------------------------------------------
 * unknown                              it joins the profile
 * names a profile that fits            both become one, with the newest value of each attribute;
 *                                      a second such profile joins them
 * names another person's profile       the id stays there: a shared device belongs to the person
 *                                      who was seen on it last
 * a name of which the profile has      it does not join: the profile here keeps its own name
 * another one
 *
 * A profile fits when it has the same thirdPartyId, or when no name of either conflicts with one of
 * the other (`person-names.ts`). The target is the profile of the strongest id that names a fitting
 * one. Without such an id, the profile is created here for its strongest unknown id. If there is
 * none either, one of its names names a profile here, and that profile takes it in.
 */

import type { KnownId, LinkStep } from './linking.ts';
import {
  addNames,
  isOtherName,
  namesConflict,
  type PersonNames,
  personNames,
  sameThirdPartyId,
} from './person-names.ts';
import type { VisitorId } from './visitor-id.ts';

export interface AdoptionPlan<Key> {
  /** The existing profile that takes in the other; undefined when it is created here. */
  readonly target: Key | undefined;
  /** The id for which it is created; undefined when the target exists. */
  readonly founder: VisitorId | undefined;
  readonly steps: readonly Exclude<LinkStep<Key>, { readonly kind: 'repoint' }>[];
}

/**
 * Decides what happens to the ids of an adopted profile.
 *
 * @param known all its ids, strongest first, never empty, each with the profile that it names here
 */
export function planAdoption<Key>(known: readonly KnownId<Key>[]): AdoptionPlan<Key> {
  const adopted = personNames(known.map(({ id }) => id));
  const fits = (names: PersonNames, others: PersonNames) =>
    sameThirdPartyId(names, others) || !namesConflict(names, others);
  const fitting = known.find(({ profile }) => profile && fits(adopted, profile.names()))?.profile;
  const founder = fitting ? undefined : known.find(({ profile }) => !profile)?.id;
  const target = fitting ?? (founder ? undefined : known[0]?.profile);
  if (!target && !founder) throw new RangeError('a profile has at least one id');
  // Names of the profile here come first.
  const names = new Map(target?.names());
  addNames(names, adopted);
  const steps: Exclude<LinkStep<Key>, { readonly kind: 'repoint' }>[] = [];
  const merged = new Set<Key>();
  for (const { id, profile } of known) {
    if (id === founder) continue;
    if (!profile) {
      if (!isOtherName(names, id)) steps.push({ kind: 'join', id });
    } else if (
      profile.key !== target?.key &&
      !merged.has(profile.key) &&
      !namesConflict(names, profile.names())
    ) {
      steps.push({ kind: 'merge', from: profile.key });
      merged.add(profile.key);
      addNames(names, profile.names());
    }
  }
  return { target: target?.key, founder, steps };
}
