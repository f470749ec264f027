/** Times as Quiver's own API writes and reads them. */

import { QuiverError } from '../errors.ts';

// Times of one profile are often equal, and formatting a date is slow.
let lastTime = Number.NaN;
let lastText = '';

/**
 * Formats a time as Quiver's own API does, such as `2026-08-18T17:53:39.003Z`. @param at epoch
 * milliseconds
 */
export function timeText(at: number): string {
  if (at !== lastTime) {
    lastTime = at;
    lastText = new Date(at).toISOString();
  }
  return lastText;
}

/** As {@link timeText}; null for a time that is not known. */
export function timeOrNull(at: number | undefined): string | null {
  return at === undefined ? null : timeText(at);
}

/**
 * A time that a parameter gives; undefined when it is not given.
 *
 * @returns epoch milliseconds
 * @throws QuiverError `bad-request`
 */
export function timeParameter(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new QuiverError('bad-request', `${name}: must be an ISO 8601 time`);
}
