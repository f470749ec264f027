/** Converts a write into changes, in feed order. The same for every engine. */

import {
  type AttributeSettings,
  commonNames,
  hasAttribute,
  mergeAttributes,
  namesOf,
  type PackedAttributes,
} from '../domain/attributes.ts';
import { type Change, MAX_CHANGE_IDS } from '../domain/change.ts';
import type { KnownId } from '../domain/linking.ts';
import { FIRST_SESSION_START } from '../domain/session.ts';
import type { MergeRecord } from '../domain/unmerge.ts';
import type { VisitorId } from '../domain/visitor-id.ts';

/** The part that all changes of one write have in common. */
export type ChangeOrigin = Pick<Change, 'channel' | 'at' | 'id'>;

/** A profile that was merged into another. */
export interface MergedProfile {
  readonly ids: readonly VisitorId[];
  readonly attributes: PackedAttributes;
}

/** The effect of a visit, or of a profile handed over by another edge cluster, on profiles. */
export interface LinkingChanges {
  /** An id that named the profile before; undefined when it is new. */
  readonly namedBefore: VisitorId | undefined;
  /** Names of the attributes that were set. */
  readonly attributes: readonly string[];
  /** The attributes of the profile before anything was merged into it. */
  readonly before: PackedAttributes;
  /** Ids that joined the profile. */
  readonly joined: readonly VisitorId[];
  readonly merged: readonly MergedProfile[];
  /** Ids that were taken from other profiles, each with an id that the other profile still has. */
  readonly taken: readonly { readonly id: VisitorId; readonly from: VisitorId }[];
}

const NONE: readonly never[] = [];

/** The changes of a write to one profile that linked nothing. */
export function plainChange(
  type: Change['type'],
  { channel, at, id }: ChangeOrigin,
  attributes: readonly string[] = NONE,
): Change {
  return { type, channel, at, id, attributes, ids: NONE };
}

/** An id of a write that named its target before; undefined when the target is new. */
export function nameOfTarget<Key>(
  known: readonly KnownId<Key>[],
  { target }: { readonly target: Key | undefined },
): VisitorId | undefined {
  return target === undefined ? undefined : known.find(({ profile }) => profile?.key === target)?.id;
}

/** The changes of a write that may have linked profiles. */
export function changesOfLinking(origin: ChangeOrigin, linking: LinkingChanges): Change[] {
  const changes: Change[] = [];
  const { namedBefore, joined } = linking;
  if (!namedBefore) changes.push(plainChange('created', origin, linking.attributes));
  if (joined.length > 0) {
    // A reader does not know the ids that join, and by the time it reads the profile may be gone.
    const id = namedBefore ?? origin.id;
    changes.push({ ...plainChange('linked', { ...origin, id }), ids: joined });
  }
  let { before } = linking;
  for (const { ids, attributes } of linking.merged) {
    const overruled = commonNames(before, attributes);
    changes.push({ ...plainChange('merged', origin, overruled), ids: ids.slice(0, MAX_CHANGE_IDS) });
    before = mergeAttributes(before, attributes);
  }
  for (const { id, from } of linking.taken) {
    changes.push({ ...plainChange('moved', { ...origin, id: from }), ids: [id] });
  }
  if (namedBefore) changes.push(plainChange('updated', origin, linking.attributes));
  return changes;
}

/**
 * The changes of undoing a merge.
 *
 * @param removed names of the attributes that the remaining profile loses
 */
export function changesOfUnmerge(
  { into, ids, profile }: MergeRecord,
  removed: readonly string[],
  at: number,
): Change[] {
  const left = { channel: 'console', at, id: into } as const;
  const [founder, ...others] = ids.map(({ kind, value }): VisitorId => ({ kind, value }));
  const separate = { ...left, id: founder! };
  return [
    { ...plainChange('moved', left), ids: ids.slice(0, MAX_CHANGE_IDS) },
    plainChange('updated', left, removed),
    plainChange('created', separate, profile ? namesOf(profile.attributes) : NONE),
    ...(others.length > 0 ? [{ ...plainChange('linked', separate), ids: others }] : []),
  ];
}

/**
 * Names of the attributes that a visit has set: its settings, and `firstSessionStart` if it was not
 * set before.
 */
export function visitedNames(settings: AttributeSettings, linked: PackedAttributes): string[] {
  const names = [...settings.keys()];
  const isFirst = !settings.has(FIRST_SESSION_START) && !hasAttribute(linked, FIRST_SESSION_START);
  return isFirst ? [...names, FIRST_SESSION_START] : names;
}
