/**
 * The part of the storage contract that lists changes, in one order (contract section 18).
 *
 * A store that keeps a feed writes each change in the same transaction as the change itself. So the
 * feed contains everything that was acknowledged, and possibly changes that were stored but could
 * not be acknowledged. A cursor is an opaque text made by the engine. It identifies the position
 * after a change, and the feed. A caller whose cursor belongs to another feed, or to changes that
 * are no longer kept, gets an error and never a gap.
 */

import type { Change } from '../domain/change.ts';
import type { VisitorId } from '../domain/visitor-id.ts';

/** How long changes are kept. The oldest are removed when either limit is exceeded. */
export interface FeedRetention {
  /** In milliseconds. */
  readonly age: number;
  readonly bytes: number;
}

/** A change with its position. */
export interface FeedChange extends Change {
  /** The cursor after this change. */
  readonly cursor: string;
}

export interface FeedPage {
  /** In order. Fewer changes than requested, or none, does not mean that the feed ends here. */
  readonly changes: readonly FeedChange[];
  /** The cursor after everything that was examined, which includes changes of other clients. */
  readonly next: string;
  /** Whether the feed had more after `next` when it was read. */
  readonly more: boolean;
}

/**
 * Why there is no page: no feed is kept, the position is no longer in it, or the text was never a
 * cursor.
 */
export type NoPage = 'off' | 'gone' | 'malformed';

/** What one step of reading backwards found. */
export interface EarlierPage {
  /** Newest first. */
  readonly changes: readonly FeedChange[];
  /** The cursor of the oldest change that was examined; the next step reads what is before it. */
  readonly before: string;
  /** How many changes of all clients were examined. */
  readonly examined: number;
  /** When the oldest of them was made, in epoch milliseconds; undefined when there was none. */
  readonly examinedTo: number | undefined;
  /** Whether the feed had older changes when it was read. */
  readonly more: boolean;
}

/** Facts about a feed that are available without reading it. */
export interface FeedFigures {
  /** The cursor after the newest change. */
  readonly newest: string;
  /** When the oldest kept change was made, in epoch milliseconds; undefined when none is kept. */
  readonly oldestAt: number | undefined;
  readonly bytes: number;
}

export interface ChangeFeed {
  /**
   * Reads the changes after a cursor.
   *
   * @param after a cursor; `undefined` starts with the oldest kept change
   * @param limit the most changes to return
   */
  read(client: string, after: string | undefined, limit: number): Promise<FeedPage | NoPage>;

  /**
   * Reads changes before a cursor, newest first, in one small step: it ends when `limit` changes
   * were wanted, or after some thousand changes were examined.
   *
   * @param before the cursor of a change, which is not read again; `undefined` starts with the
   *   newest change
   * @param isWanted called once with each examined change of the client, newest first
   */
  readBefore(
    client: string,
    before: string | undefined,
    limit: number,
    isWanted: (change: Change) => boolean,
  ): Promise<EarlierPage | NoPage>;

  /**
   * The cursor after the newest change of all clients; undefined when no feed is kept. It is cheap,
   * because a waiting reader asks often.
   */
  newest(): Promise<string | undefined>;

  /** How many changes of all clients come after a cursor; undefined where that is unknown. */
  lag(after: string): Promise<number | undefined>;

  figures(): Promise<FeedFigures | undefined>;

  /**
   * Removes every change that names one of these ids from the feed, in small steps, so that neither
   * ids nor attribute names remain and no reader sees the change. Used to erase a person. Changes
   * made in the meantime are not examined, so the caller first removes the profile and suppresses
   * its ids.
   *
   * @returns how many changes were removed
   */
  eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number>;

  /**
   * Removes changes that need not be kept, and moves written changes to where they are read. One
   * small step, for a background process.
   *
   * @param now epoch milliseconds
   * @returns whether there is more to do at once
   */
  upkeep(now: number): Promise<boolean>;
}
