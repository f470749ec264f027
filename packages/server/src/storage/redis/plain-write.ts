/**
 * Writes that one script can do without a read (`lua/set-plainly.lua`): an update, or a visit by
 * one id that neither records a session nor links anything.
 */

import { type AttributeSettings, GROUP_HEAD, NO_ATTRIBUTES, packSettings } from '../../domain/attributes.ts';
import type { Change } from '../../domain/change.ts';
import type { WriteMoment } from '../../domain/lifetime.ts';
import { newProfile } from '../../domain/profile.ts';
import { FIRST_SESSION_START } from '../../domain/session.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { plainChange } from '../changes-of.ts';
import type { Visit } from '../profile-store.ts';
import { encodeProfile } from './packed-profile.ts';

/**
 * The engine frees a profile this long after its expiry, in milliseconds, because clocks differ.
 */
export const GRACE_MS = 60_000;

export interface PlainWrite {
  readonly now: number;
  /** How long the engine keeps the cell, in milliseconds. */
  readonly ttl: number;
  readonly mayCreate: boolean;
  /** The record of a new profile, without attributes. */
  readonly newRecord: Buffer;
  /** The head of the group of packed attributes that is set. */
  readonly group: Buffer;
  /** The entries of that group. */
  readonly entries: Buffer;
  /** An entry that is set too if the profile has none of its name. */
  readonly first: Buffer;
  readonly changes: PlainChanges | undefined;
}

/** For the change feed; they differ only in type and names. */
export interface PlainChanges {
  /** With the same names as `updatedFirst`. */
  readonly created: Change;
  readonly updated: Change;
  /** Updated with the entry that is set if the profile has none of its name. */
  readonly updatedFirst: Change;
}

/** @param isRecording whether there is a change feed */
export function plainUpdate(
  id: VisitorId,
  settings: AttributeSettings,
  moment: WriteMoment,
  mayCreate: boolean,
  isRecording: boolean,
): PlainWrite {
  const packed = packSettings(settings, moment.now);
  const origin = { channel: moment.through ?? 'update', at: moment.now, id } as const;
  const names = [...settings.keys()];
  const updated = plainChange('updated', origin, names);
  return {
    ...newRecordOf(id, moment),
    mayCreate,
    group: packed.subarray(0, GROUP_HEAD),
    entries: packed.subarray(GROUP_HEAD),
    first: NO_ATTRIBUTES,
    changes: isRecording
      ? { created: plainChange('created', origin, names), updated, updatedFirst: updated }
      : undefined,
  };
}

/** As {@link plainUpdate}; undefined when the visit depends on what is stored. */
export function plainVisit(
  { ids, settings, seen, state }: Visit,
  moment: WriteMoment,
  isRecording: boolean,
): PlainWrite | undefined {
  const [id] = ids;
  if (ids.length > 1 || id!.kind !== 'tntId' || state) return undefined;
  if (seen && (seen.notesSessions || seen.categories.length > 0)) return undefined;
  const { now } = moment;
  const first = packSettings(new Map([[FIRST_SESSION_START, String(now)]]), now);
  const names = [...settings.keys()];
  const withFirst = settings.has(FIRST_SESSION_START) ? names : [...names, FIRST_SESSION_START];
  const origin = { channel: moment.through ?? 'visit', at: now, id: id! } as const;
  return {
    ...newRecordOf(id!, moment),
    mayCreate: true,
    group: first.subarray(0, GROUP_HEAD),
    entries: packSettings(settings, now).subarray(GROUP_HEAD),
    first: settings.has(FIRST_SESSION_START) ? NO_ATTRIBUTES : first.subarray(GROUP_HEAD),
    changes: isRecording
      ? {
          created: plainChange('created', origin, withFirst),
          updated: plainChange('updated', origin, names),
          updatedFirst: plainChange('updated', origin, withFirst),
        }
      : undefined,
  };
}

function newRecordOf(id: VisitorId, moment: WriteMoment) {
  const profile = newProfile(id, moment);
  const { now } = moment;
  const { expiresAt } = profile;
  const newRecord = encodeProfile({ profile, createdAt: now, sweepAt: expiresAt, linkGroup: 0 });
  return { now, ttl: Math.max(0, expiresAt - now) + GRACE_MS, newRecord };
}
