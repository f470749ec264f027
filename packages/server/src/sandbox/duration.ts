/** Parses ISO 8601 durations, such as `PT30M` or `P15D`. */

import { QuiverError } from '../errors.ts';

const DURATION = /^P(?:(\d+)W|(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?)$/;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
/** A hundred years, the furthest that a sandbox's clock may move at once. */
const MAX_DURATION = 36_525 * DAY;

/** Completes "by: …" for a text that is not a duration. */
export const DURATION_RULE =
  'must be an ISO 8601 duration in weeks, days, hours, minutes or seconds, such as P15D or PT30M';

/**
 * The milliseconds of a duration; undefined for any other text. Months and years are not accepted,
 * because their length varies.
 */
export function durationOf(text: string): number | undefined {
  const found = DURATION.exec(text);
  if (!found || /[PT]$/.test(text)) return undefined;
  const [weeks, days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  const ms = weeks! * WEEK + days! * DAY + hours! * HOUR + minutes! * MINUTE + Math.round(seconds! * SECOND);
  return ms <= MAX_DURATION ? ms : undefined;
}

/**
 * As {@link durationOf}, but throws.
 *
 * @param member the request's name for it
 * @throws QuiverError `bad-request`
 */
export function requireDuration(text: string, member: string): number {
  const ms = durationOf(text);
  if (ms === undefined) throw new QuiverError('bad-request', `${member}: ${DURATION_RULE}`);
  return ms;
}

const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** Completes "now: …" for a text that is not a time. */
export const TIME_RULE = 'must be an ISO 8601 time with its offset, such as 2026-01-01T00:00:00Z';

/** Epoch milliseconds of an ISO 8601 time or UTC day; undefined for any other text. */
export function timeOf(text: string): number | undefined {
  const at = TIME.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) || at < 0 ? undefined : at;
}

/** Whether the day exists; Date.parse reads February 30 as March 2. */
function isDay(day: string): boolean {
  const at = Date.parse(day);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
}

/** As {@link timeOf}, but throws. @throws QuiverError `bad-request` */
export function requireTime(text: string, member: string): number {
  const at = timeOf(text);
  if (at === undefined) throw new QuiverError('bad-request', `${member}: ${TIME_RULE}`);
  return at;
}
