/**
 * Linking: which profile a visit acts on, and what happens to the other profiles that its ids name.
 *
 * Contract section 3. A visit brings ids; each is known (it names a profile) or not. The ids are
 * processed strongest first: thirdPartyId, customer id, ECID, tntId. The first two are names of a
 * person; a profile has at most one thirdPartyId and at most one customer id per alias. Two
 * profiles conflict when both have a thirdPartyId, or a customer id with the same alias, and these
 * differ: they belong to two people.
 *
 *   state of the weaker id        what happens                        result
 *   ----------------------------  ----------------------------------  -----------------------------
 *   unknown                       join: it becomes an id of the       it names the target
 *                                 target
 *   names the target              nothing                             as before
 *   names another, no conflict    merge: the other's attributes and   every id of either names the
 *                                 ids move into the target            target, whose values win
 *   names another, in conflict    re-point: only this id moves        the other person keeps the
 *   (shared device)                                                   attributes and other ids
 *   a name of which the target    nothing                             it names what it named, and
 *   has another one                                                   the target keeps its name
 *
 * The target is the profile of the strongest id. If that id is unknown, it joins the profile of the
 * next known one, unless a name of the visit conflicts with that profile; then it gets a new
 * profile. The names of one visit are considered together, so a visit with a new thirdPartyId and
 * the customer id of one person does not take over the device of another.
 *
 * A profile whose id is re-pointed always keeps a name, the one in conflict, so no profile loses
 * its last id.
 *
 * The price: a device shared by two persons belongs to the one who was seen last, and attributes
 * from before the first of them signed in stay with that person. Customers of Adobe see the same,
 * and no rule could do better without asking the visitor. Names of different aliases cannot be
 * compared either: a site that knows one person only by a thirdPartyId and another only by a
 * customer id, on one device, turns them into one. A site that sends both, or always the same one,
 * does not.
 *
 * This file only decides; engines carry out the plan. It does not know how profiles are stored.
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
  /** Identifies a profile: equal (`===`) keys mean the same profile. */
  readonly key: Key;
  /** Called only when it matters, because an engine may have to look it up. */
  readonly names: () => PersonNames;
}

/** What an id of the visit names at the moment: a profile or nothing. */
export interface KnownId<Key> {
  readonly id: VisitorId;
  readonly profile: KnownProfile<Key> | undefined;
}

/** What to do with one weaker id. */
export type LinkStep<Key> =
  | { readonly kind: 'join'; readonly id: VisitorId }
  | { readonly kind: 'merge'; readonly from: Key }
  | { readonly kind: 'repoint'; readonly id: VisitorId; readonly from: Key };

/** The decision: the target, and the steps, in order, that make the ids of the visit name it. */
export interface LinkPlan<Key> {
  /** The existing target; undefined when a new profile must be created for the strongest id. */
  readonly target: Key | undefined;
  /** The id for which a new profile is created; undefined when the target exists. */
  readonly founder: VisitorId | undefined;
  readonly steps: readonly LinkStep<Key>[];
}

/**
 * Sorts ids strongest first: thirdPartyId, customer id, ECID, tntId; within a kind in the given
 * order.
 */
export function strongestFirst<Id extends VisitorId>(ids: readonly Id[]): Id[] {
  return [...ids].sort((a, b) => ID_KINDS.indexOf(a.kind) - ID_KINDS.indexOf(b.kind));
}

/**
 * Decides how the ids of one visit are linked (contract section 3; the table above).
 *
 * @param known the ids, strongest first, each with the profile that it names; never empty
 * @returns the plan; afterwards every id names the target, except a name of which the target has
 *   another one
 */
export function planLinks<Key>(known: readonly KnownId<Key>[]): LinkPlan<Key> {
  const strongest = known[0];
  if (!strongest) throw new RangeError('a visit has at least one id');
  const target = chooseTarget(known);
  const founder = target ? undefined : strongest.id;
  const steps: LinkStep<Key>[] = [];
  const inTarget = new Set<Key>(target ? [target.key] : []);
  let names: Map<string, string> | undefined;
  // Looked up only when something depends on it; most visits have one id, or one that joins as a
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

/** The profile of the strongest known id, unless an unknown id may not join it. */
function chooseTarget<Key>(known: readonly KnownId<Key>[]): KnownProfile<Key> | undefined {
  const strongest = known[0]!;
  if (strongest.profile) return strongest.profile;
  const next = known.find(({ profile }) => profile !== undefined)?.profile;
  if (!next) return undefined;
  const names = personNames(known.map(({ id }) => id));
  return names.size > 0 && namesConflict(names, next.names()) ? undefined : next;
}
