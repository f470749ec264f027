import type { Log } from '../log.ts';
import type { RequestMeter } from './request-metrics.ts';

/**
 * Adds a line per request to the log at level `debug`; at higher levels it does nothing.
 *
 * The line has the route, not the path or the query, because those contain ids and values of
 * visitors.
 */
export function loggedMeters(
  meterOf: (method: string, route: string) => RequestMeter,
  log: Log,
): (method: string, route: string) => RequestMeter {
  if (!log.isLevelEnabled('debug')) return meterOf;
  return (method, route) => {
    const meter = meterOf(method, route);
    return (status, seconds) => {
      log.debug({ method, route, status, responseTime: Math.round(seconds * 1e6) / 1e3 }, 'request');
      meter(status, seconds);
    };
  };
}
