/** How a changed setting reaches the other edge clusters (contract section 8). */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeLog } from '../log.ts';
import { type ClientRecord, type ClientStore, NO_CLIENT_RECORD } from '../storage/kept/client-store.ts';
import { ClientExchange } from './client-exchange.ts';
import type { SentAccess } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';

class KeptRecord implements ClientStore {
  readonly changes = undefined;
  record: ClientRecord = NO_CLIENT_RECORD;

  async find(): Promise<ClientRecord> {
    return this.record;
  }

  async replace(_client: string, record: ClientRecord): Promise<boolean> {
    if (record.revision !== this.record.revision) return false;
    this.record = { ...record, revision: record.revision + 1 };
    return true;
  }
}

/** A cluster that is connected to the others, unless it is away. */
class Cluster {
  readonly store = new KeptRecord();
  readonly exchange: ClientExchange;
  isAway = false;

  constructor(others: () => readonly Cluster[]) {
    const logins = { endSession: async () => {}, hasEnded: async () => false, endedSessions: async () => [] };
    const peers = [0, 1].map((nth) => ({
      ask: (_call: string, sent: SentAccess) => {
        const other = others()[nth]!;
        if (other.isAway) throw new PeerSilent(nth, 'away');
        return other.exchange.take(sent);
      },
    })) as unknown as EdgePeer[];
    this.exchange = new ClientExchange({
      ...{ store: this.store, logins, shared: {}, clients: ['demo'], peers, log: makeLog('silent') },
    });
  }

  async change(lifetime: number, at: number): Promise<void> {
    const json = JSON.stringify({ profileLifetimeDays: lifetime });
    await this.store.replace('demo', { ...this.store.record, settings: { json, changedAt: at } });
    this.exchange.tell();
  }

  get lifetime(): unknown {
    return JSON.parse(this.store.record.settings.json).profileLifetimeDays;
  }
}

let clusters: Cluster[];
let a: Cluster;
let b: Cluster;
let c: Cluster;
beforeEach(() => {
  const all: Cluster[] = [];
  for (let nth = 0; nth < 3; nth += 1) {
    const one: Cluster = new Cluster(() => all.filter((other) => other !== one));
    all.push(one);
  }
  clusters = all;
  [a, b, c] = all as [Cluster, Cluster, Cluster];
});
afterEach(() => {
  vi.useRealTimers();
});
const everywhere = (lifetime: number) =>
  vi.waitFor(() => expect(clusters.map((one) => one.lifetime)).toEqual([lifetime, lifetime, lifetime]));

test('a change is sent to all other clusters at once, without waiting for the next round', async () => {
  await a.change(3, 1000);
  await everywhere(3);
  await b.change(4, 2000);
  await everywhere(4);
});

test('a cluster that was away gets the change in the next round, within a second', async () => {
  vi.useFakeTimers();
  c.isAway = true;
  await a.change(3, 1000);
  const rounds = a.exchange.rounds();
  rounds.start();
  await vi.advanceTimersByTimeAsync(100);
  expect(clusters.map((one) => one.lifetime)).toEqual([3, 3, undefined]);
  c.isAway = false;
  await vi.advanceTimersByTimeAsync(1000);
  expect(c.lifetime).toBe(3);
  await rounds.stop();
});

test('the later of two changes applies everywhere, whichever arrives last', async () => {
  await b.change(5, 2000);
  await a.change(6, 1000);
  await everywhere(5);
});
