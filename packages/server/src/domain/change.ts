/** What a change feed says of one change of a profile (contract section 18). */

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

/** How a change came; a store keeps the place in this list, so new ones are added at its end. */
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

/** One change of one profile. It never holds a value of an attribute. */
export interface Change {
  readonly type: ChangeType;
  readonly channel: ChangeChannel;
  /** Epoch milliseconds. */
  readonly at: number;
  /** An id of the profile: the strongest that the write named, or the oldest that is left. */
  readonly id: VisitorId;
  /**
   * Names of the attributes that were set or removed; of a merge, those of which the other
   * profile's value was overruled.
   */
  readonly attributes: readonly string[];
  /**
   * `linked`: ids that joined. `merged`: ids of the other profile. `moved`: ids that left; none
   * when the whole profile left.
   */
  readonly ids: readonly VisitorId[];
}

/** The most ids that a change lists. */
export const MAX_CHANGE_IDS = 100;
