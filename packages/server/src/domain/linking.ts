/**
 * Linking: which profile a visit acts on, and what becomes of the other profiles that its ids name.
 *
 * Contract section 3. A visit brings ids; each is known (it names a profile) or not. The ids are
 * taken strongest first: thirdPartyId, customer id, ECID, tntId. The first two are names of a
 * person; a profile has at most one thirdPartyId and at most one customer id per alias. Two
 * profiles conflict when each has a name of one sort (a thirdPartyId, an id of the same alias) and
 * the names differ: they are two people's.
 *
 *   state of the weaker id          what happens                                 what holds afterwards
 *   ------------------------------  -------------------------------------------  --------------------------------------------
 *   unknown                         join: it becomes an id of the target         it names the target
 *   names the target                nothing                                      as before
 *   names another, no conflict      merge: the other's attributes and ids move   every id of either names the target; where
 *                                   into the target, the target's values stay    both had an attribute the target's stayed
 *   names another, in conflict      re-point: this id alone moves                the other person keeps attributes and ids,
 *   (shared device)                                                              but for this one
 *   known or not, a name of which   nothing                                      it names what it named, and the target has
 *   the target has another                                                       its own name still
 *
 * The target is the profile of the strongest id. When that id is unknown it joins the profile of
 * the next known one, except when a name of the visit conflicts with that profile: then it gets a
 * new profile. The names of one visit count together, so a visit that brings a new thirdPartyId and
 * the customer id of one person does not take the device of another.
 *
 * An id that is re-pointed always leaves a name behind, the one in conflict, so no profile loses
 * its last id.
 *
 * What was traded: a device that two persons share follows the person who showed up last; its
 * attributes from before the first of them signed in stay with that first one. That is what Adobe's
 * customers see, and no rule without a question to the visitor could do better. Nor can names of
 * different aliases be told apart: a site that knows one person by a thirdPartyId alone and another
 * by a customer id alone, on one device, makes them one. A site that sends both, or always the
 * same, does not.
 *
 * This file decides; engines carry out. It knows nothing of how a profile is stored.
 */

import {
  addName,
  addNames,
  isName,
  isOtherName,
  namesConflict,
  type PersonNames,
  personNames,
} from './person-names.ts';
import { ID_KINDS, type VisitorId } from './visitor-id.ts';

/** A profile that an id names. */
export interface KnownProfile<Key> {
  /** Tells profiles apart: one profile has one identical (`===`) key. */
  readonly key: Key;
  /** Asked only where it matters, for an engine may have to look it up. */
  readonly names: () => PersonNames;
}

/** What an id of the visit names at present: a profile or nothing. */
export interface KnownId<Key> {
  readonly id: VisitorId;
  readonly profile: KnownProfile<Key> | undefined;
}

/** What to do with one weaker id, in order. */
export type LinkStep<Key> =
  | { readonly kind: 'join'; readonly id: VisitorId }
  | { readonly kind: 'merge'; readonly from: Key }
  | { readonly kind: 'repoint'; readonly id: VisitorId; readonly from: Key };

/** The whole decision: the target, and the steps that make the ids of the visit name it. */
export interface LinkPlan<Key> {
  /**
   * The existing profile to act on; undefined when a new one is to be made for the strongest id.
   */
  readonly target: Key | undefined;
  /** The id that a new profile is made for; undefined when the target exists. */
  readonly founder: VisitorId | undefined;
  readonly steps: readonly LinkStep<Key>[];
}

/**
 * Ids sorted strongest first: thirdPartyId, customer id, ECID, tntId; within a kind in the order
 * given.
 */
export function strongestFirst<Id extends VisitorId>(ids: readonly Id[]): Id[] {
  return [...ids].sort((a, b) => ID_KINDS.indexOf(a.kind) - ID_KINDS.indexOf(b.kind));
}

/**
 * Decides how the ids of one visit are linked (contract section 3; the table above).
 *
 * @param known the ids strongest first, each with the profile that it names, never empty
 * @returns the plan; carried out in order it leaves every id naming the target, but for a name of
 *   which the target has another
 */
export function planLinks<Key>(known: readonly KnownId<Key>[]): LinkPlan<Key> {
  const strongest = known[0];
  if (!strongest) throw new RangeError('a visit has at least one id');
  const target = chooseTarget(known);
  const founder = target ? undefined : strongest.id;
  const steps: LinkStep<Key>[] = [];
  const inTarget = new Set<Key>(target ? [target.key] : []);
  let names: Map<string, string> | undefined;
  // Looked up only when something depends on it: most visits bring one id, or one that joins as a
  // device.
  const targetNames = () => {
    names ??= target ? new Map(target.names()) : personNames([strongest.id]);
    return names;
  };
  for (const { id, profile } of known) {
    const isDone = id === founder || (profile !== undefined && inTarget.has(profile.key));
    // The target keeps its own name of that sort, and the person whom the id names keeps this one.
    if (isDone || (isName(id) && isOtherName(targetNames(), id))) continue;
    if (profile === undefined) {
      steps.push({ kind: 'join', id });
    } else if (namesConflict(targetNames(), profile.names())) {
      steps.push({ kind: 'repoint', id, from: profile.key });
    } else {
      steps.push({ kind: 'merge', from: profile.key });
      inTarget.add(profile.key);
      addNames(targetNames(), profile.names());
    }
    if (isName(id)) addName(targetNames(), id);
  }
  return { target: target?.key, founder, steps };
}

/** The profile of the strongest known id, unless an unknown one may not join it. */
function chooseTarget<Key>(known: readonly KnownId<Key>[]): KnownProfile<Key> | undefined {
  const strongest = known[0]!;
  if (strongest.profile) return strongest.profile;
  const next = known.find(({ profile }) => profile !== undefined)?.profile;
  if (!next) return undefined;
  const names = personNames(known.map(({ id }) => id));
  return names.size > 0 && namesConflict(names, next.names()) ? undefined : next;
}
