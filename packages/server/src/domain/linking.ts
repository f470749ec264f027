/**
 * Linking: which profile a visit acts on, and what becomes of the other profiles that its ids name.
 *
 * Contract section 3. A visit brings ids; each is known (it names a profile) or not. A profile bears at most one thirdPartyId,
 * which makes it a person's; without one it is a device's. The ids are taken strongest first: thirdPartyId, ECID, tntId.
 *
 *   state of the weaker id          what happens                                 what holds afterwards
 *   ------------------------------  -------------------------------------------  --------------------------------------------
 *   unknown                         join: it becomes an id of the target         it names the target
 *   names the target                nothing                                      as before
 *   names another, and not both     merge: the other's attributes and ids move   every id of either names the target; where
 *   bear a thirdPartyId             into the target, the target's values stay    both had an attribute the target's stayed
 *   names another, each bears a     re-point: this id alone moves                the other person keeps attributes and ids,
 *   thirdPartyId (shared device)                                                 but for this one
 *
 * The target is the profile of the strongest id. When that id is unknown it joins the profile of the next known one, except
 * that an unknown thirdPartyId never joins a profile that bears another: then it gets a new profile.
 *
 * What was traded: a device that two persons share follows whoever showed up last; its attributes from before the first of
 * them signed in stay with that first one. That is what Adobe's customers see, and no rule without a question to the visitor
 * could do better.
 *
 * This file decides; engines carry out. It knows nothing of how a profile is stored.
 */

import { ID_KINDS, type VisitorId } from './visitor-id.ts';

/** What an id of the visit names at present: a profile, told apart by `key`, or nothing. */
export interface KnownId<Key> {
  readonly id: VisitorId;
  readonly profile: { readonly key: Key; readonly thirdPartyId: string | undefined } | undefined;
}

/** What to do with one weaker id, in order. */
export type LinkStep<Key> =
  | { readonly kind: 'join'; readonly id: VisitorId }
  | { readonly kind: 'merge'; readonly from: Key }
  | { readonly kind: 'repoint'; readonly id: VisitorId; readonly from: Key };

/** The whole decision: the target, and the steps that make every id of the visit name it. */
export interface LinkPlan<Key> {
  /** The existing profile to act on; undefined when a new one is to be made for the strongest id. */
  readonly target: Key | undefined;
  /** The id that a new profile is made for; undefined when the target exists. */
  readonly founder: VisitorId | undefined;
  readonly steps: readonly LinkStep<Key>[];
}

/** Ids sorted strongest first: thirdPartyId, ECID, tntId; within a kind in the order given. */
export function strongestFirst(ids: readonly VisitorId[]): VisitorId[] {
  return [...ids].sort((a, b) => ID_KINDS.indexOf(a.kind) - ID_KINDS.indexOf(b.kind));
}

/**
 * Decides how the ids of one visit are linked (contract section 3; the table above).
 *
 * @param known the ids strongest first, each with the profile that it names, never empty; a profile is the same when its
 *   `key` is identical (`===`)
 * @returns the plan; carried out in order it leaves every id naming the target
 */
export function planLinks<Key>(known: readonly KnownId<Key>[]): LinkPlan<Key> {
  const strongest = known[0];
  if (!strongest) throw new RangeError('a visit has at least one id');
  const target = chooseTarget(known);
  const steps: LinkStep<Key>[] = [];
  let person = target?.thirdPartyId;
  const merged = new Set<Key>();
  for (const { id, profile } of known) {
    const isFounder = target === undefined && id === strongest.id;
    if (isFounder) {
      if (id.kind === 'thirdPartyId') person = id.value;
    } else if (profile === undefined) {
      steps.push({ kind: 'join', id });
      if (id.kind === 'thirdPartyId') person = id.value;
    } else if (profile.key === target?.key || merged.has(profile.key)) {
      // It names the target already, or does since an earlier step.
    } else if (person !== undefined && profile.thirdPartyId !== undefined) {
      steps.push({ kind: 'repoint', id, from: profile.key });
    } else {
      steps.push({ kind: 'merge', from: profile.key });
      merged.add(profile.key);
      person ??= profile.thirdPartyId;
    }
  }
  return { target: target?.key, founder: target ? undefined : strongest.id, steps };
}

/** The profile of the strongest known id, unless an unknown thirdPartyId may not join it. */
function chooseTarget<Key>(known: readonly KnownId<Key>[]) {
  const strongest = known[0]!;
  if (strongest.profile) return strongest.profile;
  const next = known.find(({ profile }) => profile !== undefined)?.profile;
  const wouldBearTwo = strongest.id.kind === 'thirdPartyId' && next?.thirdPartyId !== undefined;
  return wouldBearTwo ? undefined : next;
}
