/**
 * Counts usage in memory and adds it to the store once a second (contract section 10).
 *
 * A count is exact once it is in the store, across all processes and restarts. If a process is
 * killed, the counts since its last report to the store are lost, about a second's worth while the
 * store responds. A process that is stopped reports first.
 */

import { Counter, type Registry } from 'prom-client';
import { Rounds } from '../background.ts';
import { USAGE_KINDS, type UsageKind } from '../domain/usage-kind.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { UsageOfDay, UsageStore } from '../storage/kept/usage-store.ts';

const DAY_MS = 86_400_000;
const FLUSH_EVERY_MS = 1000;

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
  readonly #rounds: Rounds;
  /** Counts since the process started, for `/metrics`. */
  readonly #totals = new Map<string, Counts>();
  /** Counts of the current day that the store does not have yet. */
  #pending = new Map<string, Counts>();
  /** Counts of past days, and those that the store has refused. */
  #earlier: UsageOfDay[] = [];
  #day = '';
  #dayEnds = 0;
  #flushing: Promise<void> = Promise.resolve();

  constructor(parts: UsageMeterParts) {
    this.#parts = parts;
    const failure = 'usage could not be stored';
    this.#rounds = new Rounds({ every: FLUSH_EVERY_MS, round: () => this.flush(), failure, log: parts.log });
    this.#turnDay(parts.now());
    this.#registerCounters();
  }

  /** Starts to report to the store once a second. */
  start(): void {
    this.#rounds.start();
  }

  /** Stops after a last report to the store. */
  async stop(): Promise<void> {
    await this.#rounds.stop();
    await this.flush();
  }

  /** Counts calls of a kind; never waits, never throws. */
  count(client: string, kind: UsageKind, calls = 1): void {
    if (calls === 0) return;
    const now = this.#parts.now();
    if (now >= this.#dayEnds || now < this.#dayEnds - DAY_MS) this.#turnDay(now);
    add(this.#pending, client, kind, calls);
    add(this.#totals, client, kind, calls);
  }

  /** Reports the counts to the store; counts that it refused are sent again next time. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const told = [...this.#earlier, ...usageOf(this.#pending, this.#day)];
    if (told.length === 0) return;
    this.#pending = new Map();
    this.#earlier = [];
    try {
      await this.#parts.usage.add(told);
    } catch (error) {
      const mayBeCounted = error instanceof QuiverError && error.code === 'unknown';
      if (!mayBeCounted) this.#earlier.push(...told);
      this.#parts.log.error({ err: error, isLost: mayBeCounted }, 'usage could not be stored');
    }
  }

  #turnDay(now: number): void {
    this.#earlier.push(...usageOf(this.#pending, this.#day));
    this.#pending = new Map();
    this.#day = dayOf(now);
    this.#dayEnds = (Math.floor(now / DAY_MS) + 1) * DAY_MS;
  }

  #registerCounters(): void {
    const totals = this.#totals;
    const registers = [this.#parts.registry];
    new Counter({
      name: 'quiver_mbox_calls_total',
      help: 'Metered requests for content.',
      labelNames: ['client'],
      registers,
      collect() {
        this.reset();
        for (const [client, { mboxCalls = 0 }] of totals) this.inc({ client }, mboxCalls);
      },
    });
    new Counter({
      name: 'quiver_profile_api_calls_total',
      help: 'Calls of the profile APIs that succeeded.',
      labelNames: ['client', 'kind'],
      registers,
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
export const PROFILE_API_KINDS = USAGE_KINDS.filter(
  (kind) => kind !== 'mboxCalls' && kind !== 'placeholderIds',
);

/** The UTC day of a time: `2026-11-24`. @param at epoch milliseconds */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function add(counts: Map<string, Counts>, client: string, kind: UsageKind, calls: number): void {
  let ofClient = counts.get(client);
  if (ofClient === undefined) {
    ofClient = {};
    counts.set(client, ofClient);
  }
  ofClient[kind] = (ofClient[kind] ?? 0) + calls;
}

function usageOf(counts: ReadonlyMap<string, Counts>, day: string): UsageOfDay[] {
  return Array.from(counts, ([client, ofClient]) => ({ client, day, counts: ofClient }));
}
