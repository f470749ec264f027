/** What `/metrics` says of requests, under the names that dashboards know. */

import { Counter, Histogram, type Registry } from 'prom-client';

/** Notes one answered request: its status, and how long it took in seconds. */
export type RequestMeter = (status: number, seconds: number) => void;

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * Registers the request metrics.
 *
 * @returns a function that makes the meter of one route; its labels are looked up once a status, not once a request
 */
export function requestMetrics(registry: Registry): (method: string, route: string) => RequestMeter {
  const labelNames = ['method', 'route', 'status'] as const;
  const total = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered.',
    labelNames,
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the request being handed over to its reply being ready.',
    labelNames,
    buckets: BUCKETS,
    registers: [registry],
  });
  return (method, route) => {
    const children = new Map<number, { count: Counter.Internal; time: Histogram.Internal<string> }>();
    return (status, seconds) => {
      let child = children.get(status);
      if (child === undefined) {
        const labels = { method, route, status: String(status) };
        child = { count: total.labels(labels), time: duration.labels(labels) };
        children.set(status, child);
      }
      child.count.inc();
      child.time.observe(seconds);
    };
  };
}
