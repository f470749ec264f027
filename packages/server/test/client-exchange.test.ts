import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClientAccess } from '../src/access/client-access.ts';
import { ClientExchange } from '../src/edges/client-exchange.ts';
import type { SentAccess } from '../src/edges/edge-calls.ts';
import type { EdgePeer } from '../src/edges/edge-peer.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import type { Stores } from '../src/storage/stores.ts';

let folder: string;
let stores: Stores;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-exchange-'));
  stores = await openLmdbStores({ path: folder });
});
afterEach(async () => {
  await stores.close();
  await rm(folder, { recursive: true });
});

test('every other cluster learns of a change at once, without waiting for a round, even the last one', async () => {
  const told: SentAccess[] = [];
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const peer = {
    async ask(_name: string, sent: SentAccess) {
      told.push(sent);
      await held;
      return { clients: [], endedSessions: [], shared: [] };
    },
  } as unknown as EdgePeer;
  const log = pino({ level: 'silent' });
  const parts = {
    store: stores.clients,
    logins: stores.logins,
    shared: {},
    clients: ['demo'],
    peers: [peer, peer],
    log,
  };
  const exchange = new ClientExchange(parts);
  const access = new ClientAccess({
    clients: stores.clients,
    tokenKey: new Uint8Array(32),
    now: Date.now,
    changed: () => exchange.tell(),
  });
  const days = (sent: SentAccess) => JSON.parse(sent.clients[0]!.settings.json).profileLifetimeDays;
  await access.changeSettings('demo', () => ({ profileLifetimeDays: 3 }));
  await expect.poll(() => told.map(days)).toEqual([3, 3]);
  // More changes while the first is being sent: they are not sent one by one, but the last one is.
  for (const n of [4, 5, 6]) await access.changeSettings('demo', () => ({ profileLifetimeDays: n }));
  release();
  await expect.poll(() => told.map(days)).toEqual([3, 3, 6, 6]);
});
