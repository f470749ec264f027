/** A change of a profile as the change feed reports it (contract section 18). */

import type { VisitorId } from './visitor-id.ts';

/** What happened to a profile. */
export const CHANGE_TYPES = [
  'created',
  'updated',
  'linked',
  'merged',
  'moved',
  'expired',
  'removed',
] as const;
export type ChangeType = (typeof CHANGE_TYPES)[number];

/** How a change came. A store keeps the index in this list, so new ones are added at its end. */
export const CHANGE_CHANNELS = [
  'visit',
  'update',
  'batch',
  'console',
  'script',
  'removal',
  'edge',
  'expiry',
] as const;
export type ChangeChannel = (typeof CHANGE_CHANNELS)[number];

/** One change of one profile. It never contains a value of an attribute. */
export interface Change {
  readonly type: ChangeType;
  readonly channel: ChangeChannel;
  /** Epoch milliseconds. */
  readonly at: number;
  /** An id of the profile: the strongest that the write named, or the oldest that remains. */
  readonly id: VisitorId;
  /**
   * Names of the attributes that were set or removed; for a merge, those whose value in the other
   * profile was overruled.
   */
  readonly attributes: readonly string[];
  /**
   * `linked`: ids that joined. `merged`: ids of the other profile. `moved`: ids that left; empty
   * when the whole profile left.
   */
  readonly ids: readonly VisitorId[];
}

/** The most ids listed in a change. */
export const MAX_CHANGE_IDS = 100;
