/**
 * The request metrics of `/metrics`, under names that common dashboards know.
 *
 * The counts are plain numbers and become metrics only when `/metrics` is read. The counters and
 * histograms of prom-client hash their labels on every request, which took longer than the fetch
 * itself.
 */

import type { Registry } from 'prom-client';

/** Records one answered request: its status, and its duration in seconds. */
export type RequestMeter = (status: number, seconds: number) => void;

/** The name of the histogram. */
export const REQUEST_DURATION = 'http_request_duration_seconds';
/** Upper bounds in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

interface RequestCount {
  readonly labels: { readonly method: string; readonly route: string; readonly status: string };
  /** Requests in each bucket, excluding lower buckets; the last is for values above all bounds. */
  readonly buckets: Float64Array;
  count: number;
  seconds: number;
}

/**
 * Registers the request metrics.
 *
 * @returns a function that makes the meter of one route
 */
export function requestMetrics(registry: Registry): (method: string, route: string) => RequestMeter {
  const counts: RequestCount[] = [];
  register(registry, 'http_requests_total', 'Requests answered.', 'counter', () => counts.map(totalOf));
  register(
    registry,
    REQUEST_DURATION,
    'From the request being handed over to its reply being ready.',
    'histogram',
    () => counts.flatMap(durationsOf),
  );
  return (method, route) => {
    const byStatus = new Map<number, RequestCount>();
    return (status, seconds) => {
      let count = byStatus.get(status);
      if (count === undefined) {
        const labels = { method, route, status: String(status) };
        count = { labels, buckets: new Float64Array(BUCKETS.length + 1), count: 0, seconds: 0 };
        byStatus.set(status, count);
        counts.push(count);
      }
      let bucket = 0;
      while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket += 1;
      count.buckets[bucket]! += 1;
      count.count += 1;
      count.seconds += seconds;
    };
  };
}

interface Sample {
  readonly value: number;
  readonly labels: object;
  readonly metricName?: string;
}

function totalOf({ labels, count }: RequestCount): Sample {
  return { value: count, labels };
}

function durationsOf({ labels, buckets, count, seconds }: RequestCount): Sample[] {
  const name = REQUEST_DURATION;
  let below = 0;
  const samples: Sample[] = Array.from(buckets, (inBucket, index) => {
    below += inBucket;
    return {
      value: below,
      labels: { le: BUCKETS[index] ?? '+Inf', ...labels },
      metricName: `${name}_bucket`,
    };
  });
  samples.push({ value: seconds, labels, metricName: `${name}_sum` });
  samples.push({ value: count, labels, metricName: `${name}_count` });
  return samples;
}

/**
 * Adds a metric whose samples are made on demand, in the format that prom-client's own metrics use.
 */
function register(
  registry: Registry,
  name: string,
  help: string,
  type: 'counter' | 'histogram',
  samples: () => Sample[],
): void {
  const metric = {
    name,
    get: async () => ({ name, help, type, values: samples(), aggregator: 'sum' }),
    reset: () => {},
  };
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
}
