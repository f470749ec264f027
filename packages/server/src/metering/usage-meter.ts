/**
 * Counts usage in memory and adds it to the store once a second (spec section 10).
 *
 * A count is exact once it is in the store, over all processes and restarts. What a process has counted since it last told the store, a
 * second's worth at most while the store answers, is lost when the process is killed; a process that is stopped tells it first.
 */

import { Counter, type Registry } from 'prom-client';
import type { Log } from '../log.ts';
import { USAGE_KINDS, type UsageKind, type UsageOfDay, type UsageStore } from '../storage/usage-store.ts';

const DAY = 86_400_000;
const FLUSH_EVERY = 1000;

export interface UsageMeterParts {
  readonly usage: UsageStore;
  readonly registry: Registry;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type Counts = Partial<Record<UsageKind, number>>;

export class UsageMeter {
  readonly #parts: UsageMeterParts;
  /** Since the process started, for `/metrics`. */
  readonly #totals = new Map<string, Counts>();
  /** What the store has not been told yet, of the day that runs. */
  #pending = new Map<string, Counts>();
  /** The same of days that are over. */
  #earlier: UsageOfDay[] = [];
  #day: string;
  #dayEnds: number;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(parts: UsageMeterParts) {
    this.#parts = parts;
    const now = parts.now();
    this.#day = dayOf(now);
    this.#dayEnds = dayEnd(now);
    this.#registerCounters();
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), FLUSH_EVERY);
    this.#timer.unref();
  }

  /** Tells the store what is left, and counts no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.flush();
  }

  /** Counts `count` calls of a kind. */
  count(client: string, kind: UsageKind, count = 1): void {
    if (count === 0) return;
    const now = this.#parts.now();
    if (now >= this.#dayEnds || now < this.#dayEnds - DAY) this.#turnDay(now);
    add(this.#pending, client, kind, count);
    add(this.#totals, client, kind, count);
  }

  /** Tells the store what was counted; what cannot be told is kept for the next time. */
  async flush(): Promise<void> {
    if (this.#pending.size === 0 && this.#earlier.length === 0) return;
    const told = [...this.#earlier, ...usageOf(this.#pending, this.#day)];
    this.#pending = new Map();
    this.#earlier = [];
    this.#flushing = this.#parts.usage.add(told).catch((error: unknown) => {
      this.#earlier.push(...told);
      this.#parts.log.error({ err: error }, 'usage could not be stored; tried again later');
    });
    await this.#flushing;
  }

  #turnDay(now: number): void {
    this.#earlier.push(...usageOf(this.#pending, this.#day));
    this.#pending = new Map();
    this.#day = dayOf(now);
    this.#dayEnds = dayEnd(now);
  }

  #registerCounters(): void {
    const totals = this.#totals;
    new Counter({
      name: 'quiver_mbox_calls_total',
      help: 'Metered requests for content.',
      labelNames: ['client'],
      registers: [this.#parts.registry],
      collect() {
        this.reset();
        for (const [client, { mboxCalls = 0 }] of totals) this.inc({ client }, mboxCalls);
      },
    });
    new Counter({
      name: 'quiver_profile_api_calls_total',
      help: 'Calls of the profile APIs.',
      labelNames: ['client', 'kind'],
      registers: [this.#parts.registry],
      collect() {
        this.reset();
        for (const [client, counts] of totals) {
          for (const kind of PROFILE_API_KINDS) this.inc({ client, kind }, counts[kind] ?? 0);
        }
      },
    });
  }
}

/** The kinds that are calls of the profile APIs, and never mbox calls. */
export const PROFILE_API_KINDS = USAGE_KINDS.filter((kind) => kind !== 'mboxCalls');

/** The UTC day of a time: `2026-11-24`. */
export function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

function dayEnd(epochMs: number): number {
  return (Math.floor(epochMs / DAY) + 1) * DAY;
}

function add(counts: Map<string, Counts>, client: string, kind: UsageKind, count: number): void {
  let ofClient = counts.get(client);
  if (ofClient === undefined) {
    ofClient = {};
    counts.set(client, ofClient);
  }
  ofClient[kind] = (ofClient[kind] ?? 0) + count;
}

function usageOf(counts: ReadonlyMap<string, Counts>, day: string): UsageOfDay[] {
  return Array.from(counts, ([client, ofClient]) => ({ client, day, counts: ofClient }));
}
