/** A profile, and the pure rules that change it (contract sections 3, 5 and 10). */

import { NO_ATTRIBUTES, type PackedAttributes } from './attributes/packed-attributes.ts';
import {
  type AttributeSettings,
  attributesSize,
  hasAttribute,
  MAX_ATTRIBUTES_SIZE,
  mergeAttributes,
  newestAttributes,
  removeAttribute,
  setAttributes,
  withoutOldest,
} from './attributes.ts';
import { expiryOf, type WriteMoment } from './lifetime.ts';
import { FIRST_SESSION_START } from './session.ts';
import { type SeenVisit, stateOfVisit, withJoinedNotes } from './visit-notes.ts';
import type { VisitorId } from './visitor-id.ts';
import type { StateSettings } from './visitor-state.ts';

/**
 * What is known of one visitor, except the ids that name the profile; all times in epoch
 * milliseconds.
 */
export interface Profile {
  /** The person's id; undefined if unknown. A customer id is only among the ids of the profile. */
  readonly thirdPartyId: string | undefined;
  /** When an attribute or an id of the profile last changed. */
  readonly modifiedAt: number;
  readonly expiresAt: number;
  readonly attributes: PackedAttributes;
}

/** Why an update is refused that would exceed the 64 KB of contract section 5. */
export const attributesLimitReason = `the attributes of one profile may total ${MAX_ATTRIBUTES_SIZE} bytes`;

/**
 * A new profile.
 * @param founder the id for which it is created
 */
export function newProfile(founder: VisitorId, moment: WriteMoment): Profile {
  return {
    thirdPartyId: founder.kind === 'thirdPartyId' ? founder.value : undefined,
    modifiedAt: moment.now,
    expiresAt: expiryOf(moment),
    attributes: NO_ATTRIBUTES,
  };
}

/**
 * The time of a change: never before the last one, so that attributes stay oldest first when a
 * clock goes back.
 */
function changeTime(profile: Profile, moment: WriteMoment): number {
  return Math.max(moment.now, profile.modifiedAt);
}

/** A profile after an id has left it: it has changed, and its lifetime stays the same. */
export function withoutId(profile: Profile, moment: WriteMoment): Profile {
  return { ...profile, modifiedAt: changeTime(profile, moment) };
}

/** A profile after an id has joined it; a thirdPartyId makes it a person's. */
export function withId(profile: Profile, id: VisitorId, moment: WriteMoment): Profile {
  const thirdPartyId = id.kind === 'thirdPartyId' ? id.value : profile.thirdPartyId;
  return { ...profile, thirdPartyId, modifiedAt: changeTime(profile, moment) };
}

/**
 * Sets attributes and restarts the lifetime.
 *
 * @param state visitor state to set with them; it does not affect `modifiedAt`
 * @returns the changed profile; `too-large` when the attributes would total more than 64 KB and
 *   more than before (a merge may have left a profile above the limit, and making it smaller is
 *   allowed). With `drop-oldest` the oldest attributes are dropped instead, except those of this
 *   write and `firstSessionStart`; `too-large` then means that these alone are too large
 */
export function withAttributes(
  profile: Profile,
  settings: AttributeSettings,
  moment: WriteMoment,
  state?: StateSettings,
): Profile | 'too-large' {
  const at = changeTime(profile, moment);
  let attributes = setAttributes(profile.attributes, settings, at, state);
  // The packed form is never shorter than the size counted, so most profiles need not be measured.
  if (attributes.length > MAX_ATTRIBUTES_SIZE) {
    const size = attributesSize(attributes);
    if (size > MAX_ATTRIBUTES_SIZE) {
      if (moment.whenTooLarge === 'drop-oldest') {
        const kept = withoutOldest(attributes, size - MAX_ATTRIBUTES_SIZE, (name) => {
          return name === FIRST_SESSION_START || settings.has(name);
        });
        if (kept === undefined) return 'too-large';
        attributes = kept;
      } else if (size > attributesSize(profile.attributes)) {
        return 'too-large';
      }
    }
  }
  const modifiedAt = settings.size === 0 ? profile.modifiedAt : at;
  return { ...profile, attributes, modifiedAt, expiresAt: expiryOf(moment) };
}

/** What a visit sets. */
export interface VisitSettings {
  readonly settings: AttributeSettings;
  /**
   * The visitor's session and categories; null when it is not a call by the visitor and records
   * nothing.
   */
  readonly seen?: SeenVisit | null | undefined;
  /** Visitor state that it also sets (`visitor-state.ts`). */
  readonly state?: StateSettings | undefined;
}

/**
 * A profile after a visit: its settings, what it records of the visitor (contract sections 14 and
 * 15), and the time of the first visitor call if that is unknown (contract section 7).
 *
 * A visit that merged never shortens a lifetime: the later expiry is kept.
 *
 * @returns the profile; `too-large` as in {@link withAttributes}. `firstSessionStart` itself does
 *   not count, because no caller asked for it
 */
export function visitedProfile(
  linked: Profile,
  { settings, seen, state: more }: VisitSettings,
  moment: WriteMoment,
  hasMerged: boolean,
): Profile | 'too-large' {
  const noted = seen === null ? undefined : stateOfVisit(linked.attributes, seen, moment.now);
  const state = noted && more ? new Map([...noted, ...more]) : (noted ?? more);
  const isFirst = !settings.has(FIRST_SESSION_START) && !hasAttribute(linked.attributes, FIRST_SESSION_START);
  const all = isFirst ? new Map(settings).set(FIRST_SESSION_START, String(moment.now)) : settings;
  let visited = withAttributes(linked, all, moment, state);
  if (visited === 'too-large' && isFirst) visited = withFirstSession(linked, settings, moment, state);
  if (visited === 'too-large' || !hasMerged) return visited;
  return { ...visited, expiresAt: Math.max(linked.expiresAt, visited.expiresAt) };
}

/** Sets the settings, subject to the limit, and the time of the first call, which is not. */
function withFirstSession(
  profile: Profile,
  settings: AttributeSettings,
  moment: WriteMoment,
  state: StateSettings | undefined,
): Profile | 'too-large' {
  const asked = withAttributes(profile, settings, moment, state);
  if (asked === 'too-large') return asked;
  const at = changeTime(asked, moment);
  const first = new Map([[FIRST_SESSION_START, String(moment.now)]]);
  return { ...asked, modifiedAt: at, attributes: setAttributes(asked.attributes, first, at) };
}

/** A profile without one attribute; undefined when it has none of that name. */
export function withoutAttribute(profile: Profile, name: string, moment: WriteMoment): Profile | undefined {
  const attributes = removeAttribute(profile.attributes, name);
  if (attributes === profile.attributes) return undefined;
  return { ...profile, attributes, modifiedAt: changeTime(profile, moment), expiresAt: expiryOf(moment) };
}

/**
 * Merges the profile of a weaker id into that of a stronger one (contract section 3). Never refused
 * for size.
 *
 * @returns a profile with the attributes of both, with the stronger one's value for common names,
 *   and the later expiry
 * @throws RangeError when both have a thirdPartyId: two persons are never merged
 */
export function merged(stronger: Profile, weaker: Profile, moment: WriteMoment): Profile {
  if (stronger.thirdPartyId !== undefined && weaker.thirdPartyId !== undefined) {
    throw new RangeError('two persons are never merged');
  }
  return {
    thirdPartyId: stronger.thirdPartyId ?? weaker.thirdPartyId,
    modifiedAt: Math.max(moment.now, stronger.modifiedAt, weaker.modifiedAt),
    expiresAt: Math.max(stronger.expiresAt, weaker.expiresAt),
    attributes: withJoinedNotes(
      mergeAttributes(stronger.attributes, weaker.attributes),
      stronger.attributes,
      weaker.attributes,
    ),
  };
}

/**
 * Joins two profiles that turned out to be one visitor's, with the newest value of each attribute
 * (contract section 8). The result does not depend on the order, unless both have a thirdPartyId.
 */
export function reunited(one: Profile, other: Profile): Profile {
  return {
    thirdPartyId: one.thirdPartyId ?? other.thirdPartyId,
    modifiedAt: Math.max(one.modifiedAt, other.modifiedAt),
    expiresAt: Math.max(one.expiresAt, other.expiresAt),
    attributes: one.attributes.equals(other.attributes)
      ? one.attributes
      : withJoinedNotes(newestAttributes(one.attributes, other.attributes), one.attributes, other.attributes),
  };
}
