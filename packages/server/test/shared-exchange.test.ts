/**
 * Profile scripts and sources of customer attributes are the same at all edge clusters (contract
 * sections 8, 16 and 17), with real stores and calls within this process.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClientExchange } from '../src/edges/client-exchange.ts';
import { EDGE_CALLS, type SentAccess } from '../src/edges/edge-calls.ts';
import { type EdgePeer, PeerSilent } from '../src/edges/edge-peer.ts';
import { ClientScripts } from '../src/scripts/client-scripts.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import type { Stores } from '../src/storage/stores.ts';

const T0 = Date.UTC(2026, 10, 1);
const log = pino({ level: 'silent' });
const overTheWire = (sent: SentAccess): SentAccess =>
  EDGE_CALLS.clients.ask.parse(JSON.parse(JSON.stringify(sent)));

/** A cluster that is connected to the others, unless it is away. */
class Cluster {
  readonly stores: Stores;
  readonly scripts: ClientScripts;
  readonly exchange: ClientExchange;
  isAway = false;
  now = T0;
  /** What it was sent and has answered. */
  readonly calls: SentAccess[] = [];

  constructor(stores: Stores, others: () => readonly Cluster[]) {
    this.stores = stores;
    const { clients, logins, scripts, customerSources } = stores;
    const peers = [0, 1].map((nth) => ({
      ask: async (_call: string, sent: SentAccess) => {
        const other = others()[nth]!;
        if (other.isAway || this.isAway) throw new PeerSilent(nth, 'away');
        const answer = await other.exchange.take(overTheWire(sent));
        other.calls.push(sent, answer);
        return overTheWire(answer);
      },
    })) as unknown as EdgePeer[];
    const shared = { scripts: scripts.shared, customerSources: customerSources.shared };
    this.exchange = new ClientExchange({ store: clients, logins, shared, clients: ['demo'], peers, log });
    const changed = () => this.exchange.tell();
    this.scripts = new ClientScripts({ store: scripts, now: () => this.now, log, changed });
  }

  /** One exchange with all others, as it happens every second. */
  async round(): Promise<void> {
    const rounds = this.exchange.rounds();
    rounds.start();
    await rounds.stop();
  }

  /** Name, source and state of each script. */
  async shown(): Promise<string[]> {
    const state = ({ isEnabled, off }: Awaited<ReturnType<ClientScripts['list']>>[number]) =>
      off?.reason ?? (isEnabled ? 'active' : 'off');
    return (await this.scripts.list('demo')).map((one) => `${one.name}: ${one.source} ${state(one)}`);
  }
}

let folders: string[];
let clusters: Cluster[];
let a: Cluster;
let b: Cluster;
let c: Cluster;
beforeEach(async () => {
  folders = [];
  clusters = [];
  for (let nth = 0; nth < 3; nth += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'quiver-shared-'));
    folders.push(folder);
    const stores = await openLmdbStores({ path: folder });
    const one: Cluster = new Cluster(stores, () => clusters.filter((other) => other !== one));
    clusters.push(one);
  }
  [a, b, c] = clusters as [Cluster, Cluster, Cluster];
});
afterEach(async () => {
  for (const { stores } of clusters) await stores.close();
  for (const folder of folders) await rm(folder, { recursive: true });
});
const everywhere = (scripts: string[]) =>
  expect
    .poll(async () => Promise.all(clusters.map((one) => one.shown())))
    .toEqual([scripts, scripts, scripts]);
const runs = async (one: Cluster) =>
  (await one.scripts.running('demo'))?.scripts.map(({ name }) => name) ?? [];

describe('a profile script', () => {
  test('that is set, switched off or deleted at one cluster is so at all, without waiting for a round', async () => {
    await a.scripts.set('demo', 'tier', 'return 1;', true);
    await a.scripts.set('demo', '__proto__', 'return 0;', true);
    await everywhere(['__proto__: return 0; active', 'tier: return 1; active']);
    expect(await runs(c)).toEqual(['__proto__', 'tier']);
    await b.scripts.set('demo', 'tier', 'return 2;', false);
    await everywhere(['__proto__: return 0; active', 'tier: return 2; off']);
    expect(await runs(c)).toEqual(['__proto__']);
    expect(await c.scripts.delete('demo', 'tier')).toBe(true);
    await everywhere(['__proto__: return 0; active']);
    await a.scripts.set('demo', 'tier', 'return 3;', true);
    await everywhere(['__proto__: return 0; active', 'tier: return 3; active']);
  });

  test('that was deleted while a cluster was away does not come back with it', async () => {
    await a.scripts.set('demo', 'tier', 'return 1;', true);
    await everywhere(['tier: return 1; active']);
    c.isAway = true;
    await a.scripts.delete('demo', 'tier');
    await expect.poll(() => b.shown()).toEqual([]);
    expect(await c.shown()).toEqual(['tier: return 1; active']);
    c.isAway = false;
    await c.round();
    await everywhere([]);
  });

  test('that an error disables at one cluster is disabled at all, until it is set at any of them', async () => {
    await a.scripts.set('demo', 'tier', 'return x;', true);
    await everywhere(['tier: return x; active']);
    const { stored } = (await b.scripts.running('demo'))!;
    b.now += 1000;
    await b.scripts.switchOff('demo', stored[0]!, 'line 1');
    await everywhere(['tier: return x; line 1']);
    expect(await Promise.all(clusters.map(runs))).toEqual([[], [], []]);
    c.now += 2000;
    await c.scripts.set('demo', 'tier', 'return 2;', true);
    await everywhere(['tier: return 2; active']);
  });

  test('that is set anew at one cluster runs, although another disables the old one later', async () => {
    await a.scripts.set('demo', 'tier', 'return x;', true);
    await everywhere(['tier: return x; active']);
    const { stored } = (await b.scripts.running('demo'))!;
    b.isAway = true;
    c.now += 1000;
    await c.scripts.set('demo', 'tier', 'return 2;', true);
    b.now += 5000;
    await b.scripts.switchOff('demo', stored[0]!, 'line 1');
    expect(await b.shown()).toEqual(['tier: return x; line 1']);
    b.isAway = false;
    await b.round();
    await everywhere(['tier: return 2; active']);
  });

  test('keeps the later change when clusters were apart, whichever exchange comes first', async () => {
    for (const one of clusters) one.isAway = true;
    a.now += 2000;
    await a.scripts.set('demo', 'both', 'return "a";', true);
    await a.scripts.set('demo', 'a', 'return 1;', true);
    await b.scripts.set('demo', 'both', 'return "b";', true);
    await c.scripts.set('demo', 'c', 'return 3;', true);
    for (const one of clusters) one.isAway = false;
    await b.round();
    await a.round();
    await everywhere(['a: return 1; active', 'both: return "a"; active', 'c: return 3; active']);
  });

  test('is sent only to a cluster that has another one', async () => {
    await a.scripts.set('demo', 'tier', `return ${'1'.repeat(5000)};`, true);
    await everywhere([`tier: return ${'1'.repeat(5000)}; active`]);
    for (const one of clusters) one.calls.length = 0;
    await a.round();
    expect(b.calls.map(({ shared }) => shared.length)).toEqual([2, 0]);
    expect(JSON.stringify(b.calls)).not.toContain('11111');
  });
});

test('a source of customer attributes is known everywhere, and the first upload decides on its ids', async () => {
  const note = (one: Cluster, ids: 'customerId' | 'thirdPartyId', attributes: string[], at: number) =>
    one.stores.customerSources.note('demo', { name: 'crm', ids, attributes, uploadedAt: at });
  await note(a, 'customerId', ['tier'], T0 + 1);
  await note(b, 'thirdPartyId', ['city'], T0);
  await note(b, 'thirdPartyId', ['town'], T0 + 2);
  await a.round();
  await c.round();
  for (const one of clusters) {
    expect(await one.stores.customerSources.list('demo')).toEqual([
      { name: 'crm', ids: 'thirdPartyId', attributes: ['town'], createdAt: T0, uploadedAt: T0 + 2 },
    ]);
  }
});
