/**
 * The storage contract of looking at all profiles of a client: pages for people, and whole exports
 * (contract section 21).
 *
 * Nothing here changes a profile. Expired profiles are left out. Errors are as in
 * `profile-store.ts`.
 */

import type { IdKind, VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { LinkedProfile } from './profile-store.ts';

/** Which profiles a page is to show; all conditions must be met. */
export interface ListQuery {
  /** Ids that begin with it; undefined for all profiles. */
  readonly prefix: string | undefined;
  /** With a prefix: ids of this kind alone. */
  readonly kind: IdKind | undefined;
  /** Epoch milliseconds; profiles that changed then or later. */
  readonly changedSince: number | undefined;
  readonly attribute: { readonly name: string; readonly value: string } | undefined;
  /** `next` of the page before. */
  readonly cursor: string | undefined;
  /** The most profiles of the page. */
  readonly limit: number;
}

/** One profile of a page. */
export interface ListedProfile extends LinkedProfile {
  /** The id that was found by the prefix, else the oldest. */
  readonly id: VisitorId;
  /** How many ids it has; `ids` are the oldest ten. */
  readonly idCount: number;
}

export interface ListPage {
  readonly profiles: readonly ListedProfile[];
  /** Where the next page begins; undefined at the end. A page that is not full may have one. */
  readonly next: string | undefined;
}

/** The most ids that a page shows of one profile. */
export const LISTED_IDS = 10;
/** How long a page is looked for, in milliseconds. */
export const PAGE_MS = 200;
/** How long one look may keep other requests waiting, in milliseconds. */
export const LOOK_MS = 4;

/** A profile of an export, whole. */
export interface ExportedProfile extends LinkedProfile {
  /** Where it stands in its snapshot: an export can go on behind it. */
  readonly position: string;
}

export interface ExportStep {
  readonly profiles: readonly ExportedProfile[];
  /** The position behind this step; undefined at the end. */
  readonly next: string | undefined;
}

export interface ProfileLists {
  /**
   * A page of the profiles of a client.
   *
   * @throws QuiverError `bad-request` for a cursor that is not one, or that belongs to another
   *   query or another cluster
   */
  page(client: string, query: ListQuery, now: number): Promise<ListPage>;

  /**
   * Keeps the profiles of all clients as they are at this moment, as far as the engine can
   * (contract section 21).
   *
   * @returns the name of the snapshot
   * @throws QuiverError `insufficient-storage`; `unavailable` when as many are being read as there
   *   may be
   */
  takeSnapshot(): Promise<string>;

  /**
   * Some profiles of a snapshot; every call keeps it alive for another five minutes.
   *
   * @param after a position of it; undefined at the beginning
   * @throws QuiverError `not-found` when there is no such snapshot any more; `bad-request` for a
   *   position that is none
   */
  readSnapshot(client: string, snapshot: string, after: string | undefined, now: number): Promise<ExportStep>;
}

/** What is wrong with a cursor. */
export const CURSOR_PROBLEM = 'must be `next` of the page before, with the same query';
/** What is wrong with a position. */
export const POSITION_PROBLEM = 'must be the position of a line of the export';

/** There is no such snapshot any more. */
export function snapshotGone(): QuiverError {
  return new QuiverError(
    'not-found',
    'snapshot: there is none of this name any more; start the export again',
  );
}
