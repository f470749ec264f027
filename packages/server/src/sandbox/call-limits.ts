/**
 * The rate limits of Adobe's weather: calls per minute and per day, and concurrent calls of one
 * session.
 */

import { type Reply, refusal } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import type { RouteName, Weather } from './public-types.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** Adobe counts these together. */
const ADMIN_AND_BATCH: ReadonlySet<RouteName> = new Set([
  'batch',
  'batchStatus',
  'token',
  'settings',
  'admin',
]);

export interface CallLimits {
  /** Counts a call. @returns the refusal if it exceeds a limit */
  refuse(name: RouteName, route: Route): Reply | undefined;
  /**
   * Counts a visit of a session that begins. @returns the refusal, or a function to call when the
   * visit has ended
   */
  begin(session: string, route: Route): Reply | (() => void);
  reset(): void;
}

/** @param now epoch milliseconds of the client's clock */
export function callLimits(now: () => number, weather: () => Weather): CallLimits {
  let windows = new Map<string, { start: number; calls: number }>();
  let sessions = new Map<string, number>();

  /** Whether one more call fits into the current window of `length` milliseconds. */
  const fits = (kind: string, length: number, most: number): boolean => {
    const start = Math.floor(now() / length) * length;
    const found = windows.get(kind);
    const present = found?.start === start ? found : { start, calls: 0 };
    present.calls += 1;
    windows.set(kind, present);
    return present.calls <= most;
  };

  const tooMany = (route: Route, what: string, most: number, length: number): Reply => {
    const seconds = Math.ceil((Math.floor(now() / length) * length + length - now()) / 1000);
    const message = `Too many requests: at most ${most} ${what}`;
    return refusal(route.style, 503, message, { 'retry-after': String(seconds) });
  };

  return {
    refuse(name, route) {
      const { callsAMinute, updatesADay, fetchesADay } = weather();
      if (callsAMinute !== null && ADMIN_AND_BATCH.has(name) && !fits('minute', MINUTE, callsAMinute)) {
        return tooMany(route, 'admin and batch calls a minute', callsAMinute, MINUTE);
      }
      if (updatesADay !== null && name === 'update' && !fits('update', DAY, updatesADay)) {
        return tooMany(route, 'updates a day', updatesADay, DAY);
      }
      if (fetchesADay !== null && name === 'fetch' && !fits('fetch', DAY, fetchesADay)) {
        return tooMany(route, 'fetches a day', fetchesADay, DAY);
      }
      return undefined;
    },
    begin(session, route) {
      const { callsASession } = weather();
      const open = sessions.get(session) ?? 0;
      if (callsASession !== null && open >= callsASession) {
        return refusal(route.style, 420, 'Too many requests with same session ID');
      }
      const counted = sessions;
      counted.set(session, open + 1);
      return () => {
        const left = (counted.get(session) ?? 1) - 1;
        if (left > 0) counted.set(session, left);
        else counted.delete(session);
      };
    },
    reset() {
      windows = new Map();
      sessions = new Map();
    },
  };
}
