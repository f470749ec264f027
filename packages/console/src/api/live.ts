/** Calls per second and latency of the server now, from two readings of `/metrics`. */

import { useQuery } from '@tanstack/react-query';
import { QuiverClientError } from 'quiver-client';

const READ_EVERY_MS = 2000;
/** The time that the rates cover. */
const WINDOW_MS = 60_000;
const BUCKET = /^http_request_duration_seconds_bucket\{(.*)\} (\S+)$/;
const DISK_FREE = /^quiver_disk_free_bytes (\S+)$/m;
const LABEL = /(\w+)="([^"]*)"/g;
/** The console itself calls these, so they do not count as traffic. */
const NOT_TRAFFIC =
  /^(\/console|\/\{client\}\/target|\/docs|\/openapi|\/metrics|\/healthz|\/readyz|\/requests)/;

/**
 * Requests so far, by upper bound of their latency in seconds; each bound includes those below it.
 */
export interface Reading {
  readonly at: number;
  readonly buckets: ReadonlyMap<number, number>;
  readonly failed: number;
  /** Free space on the disk of the data folder, in bytes; undefined when it is not known. */
  readonly diskFree: number | undefined;
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
  /** As in {@link Reading}. */
  readonly diskFree: number | undefined;
}

/** Calls of all clients in the last minute. Undefined until there are two readings. */
export function useLiveFigures() {
  return useQuery({
    queryKey: ['live'],
    queryFn: async ({ signal }) => {
      const reply = await fetch('/metrics', { signal }).catch((cause: unknown) => {
        throw new QuiverClientError('unreachable', 'cannot reach the server', { cause });
      });
      if (!reply.ok) throw new Error(`/metrics answers with ${reply.status}`);
      return keep(readingOf(await reply.text(), Date.now()));
    },
    refetchInterval: READ_EVERY_MS,
  });
}

/** The readings of the window, the oldest first, shared by all views of this page. */
let readings: Reading[] = [];

function keep(reading: Reading): LiveFigures | null {
  const last = readings.at(-1);
  // A server that was restarted counts from zero.
  if (last && total(last) > total(reading)) readings = [];
  readings = [...readings.filter(({ at }) => at >= reading.at - WINDOW_MS), reading];
  const first = readings[0]!;
  return first === reading ? null : figuresBetween(first, reading);
}

/** Parses the text format of Prometheus. @param at when it was read, in epoch milliseconds */
export function readingOf(text: string, at: number): Reading {
  const buckets = new Map<number, number>();
  let failed = 0;
  for (const line of text.split('\n')) {
    const found = BUCKET.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...found[1]!.matchAll(LABEL)].map(([, name, value]) => [name, value]));
    if (NOT_TRAFFIC.test(labels.route ?? '')) continue;
    const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
    const requests = Number(found[2]);
    buckets.set(bound, (buckets.get(bound) ?? 0) + requests);
    if (bound === Number.POSITIVE_INFINITY && Number(labels.status) >= 400) failed += requests;
  }
  const free = DISK_FREE.exec(text)?.[1];
  return { at, buckets, failed, diskFree: free === undefined ? undefined : Number(free) };
}

function total({ buckets }: Reading): number {
  return buckets.get(Number.POSITIVE_INFINITY) ?? 0;
}

/** What happened between two readings of the same server. */
export function figuresBetween(from: Reading, to: Reading): LiveFigures {
  const seconds = (to.at - from.at) / 1000;
  const calls = total(to) - total(from);
  const counts = [...to.buckets]
    .map(([bound, count]) => [bound, count - (from.buckets.get(bound) ?? 0)] as const)
    .sort(([a], [b]) => a - b);
  return {
    callsPerSecond: calls / seconds,
    refusedShare: calls === 0 ? 0 : (to.failed - from.failed) / calls,
    median: quantile(counts, calls, 0.5),
    p99: quantile(counts, calls, 0.99),
    seconds,
    diskFree: to.diskFree,
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
