/** Cursors of a change feed: the id of the feed, and the number of the change before the cursor. */

import { randomBytes } from 'node:crypto';

export const FEED_ID_BYTES = 6;

/** An id for a new feed. */
export function newFeedId(): Buffer {
  return randomBytes(FEED_ID_BYTES);
}

/** @param id in hex */
export function feedCursor(id: string, number: number): string {
  return `${id}-${number}`;
}

/**
 * The number in a cursor of the feed `id`; `gone` for a cursor of another feed, `malformed` for a
 * text that is not a cursor.
 */
export function numberOfCursor(cursor: string, id: string): number | 'gone' | 'malformed' {
  const [, of, number] = /^([0-9a-f]{12})-([0-9]{1,15})$/.exec(cursor) ?? [];
  if (of === undefined) return 'malformed';
  return of === id ? Number(number) : 'gone';
}
