/** ISO 8601 durations, as `PT30M` or `P15D`. */

import { QuiverError } from '../errors.ts';

const DURATION = /^P(?:(\d+)W|(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?)$/;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
/** A hundred years: no clock of a sandbox goes further at once. */
const MAX_DURATION = 36_525 * DAY;

/** What completes "by: …" for a text that is no duration. */
export const DURATION_RULE =
  'must be an ISO 8601 duration in weeks, days, hours, minutes or seconds, such as P15D or PT30M';

/** The milliseconds of a duration; undefined when it is none. Months and years are none, for their length varies. */
export function durationOf(text: string): number | undefined {
  const found = DURATION.exec(text);
  if (!found || /[PT]$/.test(text)) return undefined;
  const [weeks, days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  const ms = weeks! * WEEK + days! * DAY + hours! * HOUR + minutes! * MINUTE + Math.round(seconds! * SECOND);
  return ms <= MAX_DURATION ? ms : undefined;
}

/**
 * As {@link durationOf}.
 *
 * @param member what the request calls it
 * @throws QuiverError `bad-request`
 */
export function requireDuration(text: string, member: string): number {
  const ms = durationOf(text);
  if (ms === undefined) throw new QuiverError('bad-request', `${member}: ${DURATION_RULE}`);
  return ms;
}

const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** What completes "now: …" for a text that is no time. */
export const TIME_RULE = 'must be an ISO 8601 time with its offset, such as 2026-01-01T00:00:00Z';

/** Epoch milliseconds of an ISO 8601 time or UTC day; undefined when it is none. */
export function timeOf(text: string): number | undefined {
  const at = TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) || at < 0 ? undefined : at;
}

/** As {@link timeOf}. @throws QuiverError `bad-request` */
export function requireTime(text: string, member: string): number {
  const at = timeOf(text);
  if (at === undefined) throw new QuiverError('bad-request', `${member}: ${TIME_RULE}`);
  return at;
}
