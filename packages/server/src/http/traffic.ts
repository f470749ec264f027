/** The calls of a server so far and their latency, from its request metrics. */

import type { Registry } from 'prom-client';
import { z } from '../wire/schema.ts';
import { REQUEST_DURATION } from './request-metrics.ts';

/** The calls of one process, or of several. */
export interface Traffic {
  readonly calls: number;
  /** Calls with a status of 400 or above. */
  readonly refused: number;
  /**
   * How many calls took at most so many seconds, ascending; null for all calls. Each step includes
   * the ones before it.
   */
  readonly latency: readonly { readonly seconds: number | null; readonly calls: number }[];
}

export const TrafficSchema = z.object({
  calls: z.int(),
  refused: z.int().openapi({ description: 'Calls with a status of 400 or above.' }),
  latency: z.array(z.object({ seconds: z.number().nullable(), calls: z.int() })).openapi({
    description:
      'How many calls took at most so many seconds; null for all calls. Each step includes the ones before it.',
  }),
});

/** Routes that programs do not call for a visitor: they do not count as traffic. */
const NOT_TRAFFIC =
  /^(\/console|\/\{client\}\/target|\/docs|\/openapi|\/metrics|\/healthz|\/readyz|\/requests|\/sandbox)/;

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

/** The traffic of one process since it started; undefined when it does not serve. */
export async function trafficOf(registry: Registry): Promise<Traffic | undefined> {
  const metric = registry.getSingleMetric(REQUEST_DURATION);
  if (metric === undefined) return undefined;
  const { values } = (await metric.get()) as unknown as { readonly values: readonly Sample[] };
  let refused = 0;
  const calls = new Map<number, number>();
  for (const { labels, metricName, value } of values) {
    if (metricName !== `${REQUEST_DURATION}_bucket` || NOT_TRAFFIC.test(String(labels.route))) continue;
    const seconds = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
    calls.set(seconds, (calls.get(seconds) ?? 0) + value);
    if (seconds === Number.POSITIVE_INFINITY && Number(labels.status) >= 400) refused += value;
  }
  const latency = [...calls].map(([seconds, below]) => ({
    seconds: Number.isFinite(seconds) ? seconds : null,
    calls: below,
  }));
  return { calls: calls.get(Number.POSITIVE_INFINITY) ?? 0, refused, latency };
}

/** The traffic of several processes together. */
export function sumOfTraffic(all: readonly Traffic[]): Traffic {
  const latency = new Map<number | null, number>();
  for (const { seconds, calls } of all.flatMap((one) => one.latency))
    latency.set(seconds, (latency.get(seconds) ?? 0) + calls);
  return {
    calls: all.reduce((sum, { calls }) => sum + calls, 0),
    refused: all.reduce((sum, { refused }) => sum + refused, 0),
    latency: [...latency].map(([seconds, calls]) => ({ seconds, calls })),
  };
}
