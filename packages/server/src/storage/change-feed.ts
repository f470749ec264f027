/**
 * The part of the storage contract that tells what was changed, in one order (contract section 18).
 *
 * A store that keeps a feed writes each change in the very step that makes it, so the feed has
 * exactly what was acknowledged, and may have what was stored and could not be acknowledged. A
 * cursor is a text that an engine makes and nobody else reads. It names the place behind a change,
 * and the feed: whoever asks with a cursor of another feed, or of changes that are no longer kept,
 * is told so and never gets a gap.
 */

import type { Change } from '../domain/change.ts';
import type { VisitorId } from '../domain/visitor-id.ts';

/** How long changes are kept: until they are older, or more of them, than this. */
export interface FeedRetention {
  /** In milliseconds. */
  readonly age: number;
  readonly bytes: number;
}

/** A change with its place. */
export interface FeedChange extends Change {
  /** The cursor behind this change. */
  readonly cursor: string;
}

export interface FeedPage {
  /** In order. Fewer than asked for, even none, does not mean that the feed ends here. */
  readonly changes: readonly FeedChange[];
  /** The cursor behind all that was looked at; changes of other clients may lie before it. */
  readonly next: string;
  /** Whether the feed went on behind `next` at the moment of reading. */
  readonly more: boolean;
}

/**
 * Why there is no page: no feed is kept, the cursor's place is not in it any more, or the text was
 * never a cursor.
 */
export type NoPage = 'off' | 'gone' | 'malformed';

/** What there is to know of a feed without reading it. */
export interface FeedFigures {
  /** The cursor behind the newest change. */
  readonly newest: string;
  /**
   * When the oldest change that is kept was made, in epoch milliseconds; undefined when none is
   * kept.
   */
  readonly oldestAt: number | undefined;
  readonly bytes: number;
}

export interface ChangeFeed {
  /**
   * Reads on behind a cursor.
   *
   * @param after a cursor; `undefined` begins with the oldest change that is kept
   * @param limit the most changes to return
   */
  read(client: string, after: string | undefined, limit: number): Promise<FeedPage | NoPage>;

  /**
   * The cursor behind the newest change of all clients; undefined when no feed is kept. Cheap: a
   * reader that waits asks often.
   */
  newest(): Promise<string | undefined>;

  /** How many changes of all clients lie behind a cursor; undefined where that is not known. */
  lag(after: string): Promise<number | undefined>;

  figures(): Promise<FeedFigures | undefined>;

  /**
   * Takes every change that names one of these ids out of the feed, in small steps: neither ids nor
   * attribute names stay, and no reader sees the change any more. For whoever erases a person;
   * changes that are made meanwhile are not looked at, so the profile is removed, and its ids are
   * suppressed, first.
   *
   * @returns how many changes were taken out
   */
  eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number>;

  /**
   * Forgets what is no longer kept, and brings what was written to where it is read; one small
   * step, for a process in the background.
   *
   * @param now epoch milliseconds
   * @returns whether there is more to do at once
   */
  upkeep(now: number): Promise<boolean>;
}
