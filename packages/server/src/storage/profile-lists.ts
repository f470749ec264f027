/**
 * The storage contract for reading all profiles of a client: pages for people, and complete exports
 * (contract section 21).
 *
 * Nothing here changes a profile. Expired profiles are left out. Errors are as in
 * `profile-store.ts`.
 */

import { hasValue } from '../domain/attributes.ts';
import { isExpired } from '../domain/lifetime.ts';
import type { Profile } from '../domain/profile.ts';
import type { IdKind, VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { LinkedProfile } from './profile-store.ts';

/** Which profiles a page shows. All conditions must be met. */
export interface ListQuery {
  /** The beginning of an id; undefined for all profiles. */
  readonly prefix: string | undefined;
  /** With a prefix: only ids of this kind. */
  readonly kind: IdKind | undefined;
  /** Only profiles that changed at this time or later, in epoch milliseconds. */
  readonly changedSince: number | undefined;
  readonly attribute: { readonly name: string; readonly value: string } | undefined;
  /** `next` of the previous page. */
  readonly cursor: string | undefined;
  /** The most profiles per page. */
  readonly limit: number;
}

/** One profile of a page. */
export interface ListedProfile extends LinkedProfile {
  /** The id that matched the prefix; without a prefix the oldest id. */
  readonly id: VisitorId;
  /** How many ids the profile has; `ids` contains the ten oldest. */
  readonly idCount: number;
}

/** The part that an attribute index had in a page (contract section 21). */
export interface IndexUse {
  /**
   * `complete`: the profiles come from the index, and it includes every change in the feed.
   * `behind`: they come from the index, which includes the changes up to `upTo` only.
   * `unfinished`: the client asks for an index that is not built, so all profiles are searched.
   */
  readonly state: 'complete' | 'behind' | 'unfinished';
  /** The cursor of the change feed up to which the index includes changes. */
  readonly upTo?: string;
}

export interface ListPage {
  readonly profiles: readonly ListedProfile[];
  /** Where the next page starts; undefined at the end. A page that is not full may have one too. */
  readonly next: string | undefined;
  /** Only where the client asks for an index of the attribute. */
  readonly index?: IndexUse;
}

/** Whether a page shows a profile, apart from the conditions on its ids. */
export function isListed(profile: Profile, query: ListQuery, now: number): boolean {
  const { changedSince, attribute } = query;
  return (
    !isExpired(profile, now) &&
    (changedSince === undefined || profile.modifiedAt >= changedSince) &&
    (attribute === undefined || hasValue(profile.attributes, attribute.name, attribute.value))
  );
}

/** The most ids that a page shows per profile. */
export const LISTED_IDS = 10;
/** The longest time spent on one page, in milliseconds. */
export const PAGE_MS = 200;
/** The longest time for which one look may block other requests, in milliseconds. */
export const LOOK_MS = 4;

/** A complete profile in an export. */
export interface ExportedProfile extends LinkedProfile {
  /** Its position in the snapshot; an export can be resumed after it. */
  readonly position: string;
}

export interface ExportStep {
  readonly profiles: readonly ExportedProfile[];
  /** The position after this step; undefined at the end. */
  readonly next: string | undefined;
}

export interface ProfileLists {
  /**
   * A page of the profiles of a client.
   *
   * @throws QuiverError `bad-request` for an invalid cursor, or one of another query or cluster
   */
  page(client: string, query: ListQuery, now: number): Promise<ListPage>;

  /**
   * Keeps the profiles of all clients as they are now, as far as the engine can (contract section
   * 21).
   *
   * @returns the name of the snapshot
   * @throws QuiverError `insufficient-storage`; `unavailable` when the maximum number of snapshots
   *   is being read
   */
  takeSnapshot(): Promise<string>;

  /**
   * Some profiles of a snapshot. Every call keeps the snapshot for another five minutes.
   *
   * @param after a position in it; undefined for the start
   * @throws QuiverError `not-found` when the snapshot no longer exists; `bad-request` for an
   *   invalid position
   */
  readSnapshot(client: string, snapshot: string, after: string | undefined, now: number): Promise<ExportStep>;
}

/** What is wrong with a cursor. */
export const CURSOR_PROBLEM = 'must be `next` of the page before, with the same query';
/** What is wrong with a position. */
export const POSITION_PROBLEM = 'must be the position of a line of the export';

/** The error for a snapshot that no longer exists. */
export function snapshotGone(): QuiverError {
  return new QuiverError(
    'not-found',
    'snapshot: there is none of this name any more; start the export again',
  );
}
