/** Formats numbers and times by the reader's locale, and texts of several lines. */

import { visibleText } from '../../../server/src/domain/visible-text.ts';

const whole = new Intl.NumberFormat();
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const DAY_MS = 86_400_000;

export function count(value: number): string {
  return whole.format(value);
}

/** `count(2, 'row')`: 2 rows. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function time(iso: string): string {
  return moment.format(new Date(iso));
}

/** Formats a day such as `2026-11-24`. */
export function dayName(iso: string): string {
  return day.format(new Date(`${iso}T00:00:00Z`));
}

export function bytes(value: number): string {
  if (value < 1000) return counted(value, 'byte');
  const [unit, size] = value < 1e6 ? ['kB', 1e3] : value < 1e9 ? ['MB', 1e6] : (['GB', 1e9] as const);
  const scaled = value / size;
  return `${scaled.toLocaleString(undefined, { maximumFractionDigits: scaled < 10 ? 1 : 0 })} ${unit}`;
}

/** A duration, given in seconds: `0.4 ms`, `12 ms`. */
export function milliseconds(seconds: number): string {
  const ms = seconds * 1000;
  return `${ms.toLocaleString(undefined, { maximumFractionDigits: ms < 10 ? 1 : 0 })} ms`;
}

/** How far a moment is from now: “3 minutes ago”, “in 14 days”. */
export function distance(iso: string): string {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  const steps = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const;
  const found = steps.find(([, length]) => Math.abs(seconds) >= length);
  return found
    ? relative.format(Math.round(seconds / found[1]), found[0])
    : relative.format(Math.round(seconds), 'second');
}

/** A day counted back from today, UTC: `2026-11-24`. */
export function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);
}

/** A text with escapes for everything invisible except line feeds. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visibleText).join('\n');
}
