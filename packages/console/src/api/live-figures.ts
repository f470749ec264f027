/** Calls per second and latency of the server now, from two readings of its counters. */

import type { LiveView } from 'quiver-client';

/** The time that the rates cover. */
const WINDOW_MS = 60_000;

/** The calls of a server so far. */
export interface Reading {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly traffic: LiveView['traffic'];
}

export interface LiveFigures {
  readonly callsPerSecond: number;
  /** Calls with a status of 400 or above, of all calls in the window; between 0 and 1. */
  readonly refusedShare: number;
  /** Seconds; undefined when there was no call. */
  readonly median: number | undefined;
  readonly p99: number | undefined;
  /** How many seconds the figures cover. */
  readonly seconds: number;
}

/** The readings of the window, the oldest first, shared by all views of this page. */
let readings: Reading[] = [];

/** Adds a reading. Returns what happened in the window; undefined until there are two readings. */
export function figuresAt(reading: Reading): LiveFigures | undefined {
  const last = readings.at(-1);
  // A server or a worker that was restarted counts from zero.
  if (last && last.traffic.calls > reading.traffic.calls) readings = [];
  readings = [...readings.filter(({ at }) => at >= reading.at - WINDOW_MS), reading];
  const first = readings[0]!;
  return first.at < reading.at ? figuresBetween(first, reading) : undefined;
}

function figuresBetween(from: Reading, to: Reading): LiveFigures {
  const seconds = (to.at - from.at) / 1000;
  const calls = to.traffic.calls - from.traffic.calls;
  const before = new Map(from.traffic.latency.map((step) => [step.seconds, step.calls]));
  const counts = to.traffic.latency
    .map(
      (step) =>
        [step.seconds ?? Number.POSITIVE_INFINITY, step.calls - (before.get(step.seconds) ?? 0)] as const,
    )
    .sort(([a], [b]) => a - b);
  return {
    callsPerSecond: calls / seconds,
    refusedShare: calls === 0 ? 0 : (to.traffic.refused - from.traffic.refused) / calls,
    median: quantile(counts, calls, 0.5),
    p99: quantile(counts, calls, 0.99),
    seconds,
  };
}

/**
 * Interpolates within the bucket, as Prometheus does; calls beyond the last bound count as that
 * bound.
 */
function quantile(counts: readonly (readonly [number, number])[], calls: number, share: number) {
  if (calls === 0) return undefined;
  const rank = share * calls;
  let lowerBound = 0;
  let below = 0;
  for (const [bound, count] of counts) {
    if (count >= rank) {
      if (bound === Number.POSITIVE_INFINITY || count === below) return lowerBound;
      return lowerBound + ((bound - lowerBound) * (rank - below)) / (count - below);
    }
    lowerBound = bound;
    below = count;
  }
  return lowerBound;
}
