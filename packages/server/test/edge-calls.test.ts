/**
 * Limits for what one cluster can do to another: a call counts once in all of its processes, and a
 * reply is limited before it is verified.
 */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { derivedKey } from '../src/access/signing-key.ts';
import { EdgePeer, edgeMetrics } from '../src/edges/edge-peer.ts';
import { EdgeSeal } from '../src/edges/edge-seal.ts';
import { SpentCallFiles } from '../src/storage/files/spent-call-files.ts';
import { SPENT_CALLS_KEPT_MS } from '../src/storage/spent-call-store.ts';
import { type Quiver, type RuntimeName, startQuiver } from './start-quiver.ts';

const SECRET = 'a secret of at least thirty-two characters';
const key = derivedKey(SECRET, 'edge calls');
/** The other cluster, played by the test. */
const seal = new EdgeSeal({ key, cluster: 2, peers: [1], now: Date.now });

describe.each<RuntimeName>(['bun', 'node'])(
  'a sealed call that is sent to every worker, on %s',
  (runtime) => {
    let quiver: Quiver;
    beforeAll(async () => {
      quiver = await startQuiver({
        runtime,
        flags: ['--workers', '4', '--peer', '2=http://127.0.0.1:9'],
        env: { QUIVER_EDGE_SECRET: SECRET },
      });
    });
    afterAll(() => quiver?.stop());

    test('is accepted once, however often it arrives at the same moment', async () => {
      const path = '/edge/v1/state';
      for (let round = 0; round < 25; round += 1) {
        const { authorization } = seal.seal(1, path, '{}');
        const send = () =>
          fetch(quiver.url + path, {
            method: 'POST',
            headers: { authorization, connection: 'close' },
            body: '{}',
          });
        const replies = await Promise.all(Array.from({ length: 12 }, send));
        const statuses = replies.map(({ status }) => status).sort();
        expect(statuses).toEqual([200, ...new Array(11).fill(403)]);
      }
    });
  },
);

test('is remembered for processes that open the folder later, until it has expired', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-spent-'));
  let now = Date.UTC(2026, 10, 24);
  const nonce = 'abcdefghijklmnopqrstuv';
  try {
    const files = new SpentCallFiles(folder, () => now);
    expect(files.spend(nonce, now)).toBe(true);
    expect(files.spend(nonce, now)).toBe(false);
    const later = new SpentCallFiles(folder, () => now);
    expect(later.spend(nonce, now)).toBe(false);
    expect(later.spend(nonce.toUpperCase(), now)).toBe(true);
    const sealedAt = now;
    now += SPENT_CALLS_KEPT_MS - 10_000;
    expect(later.spend(nonce, sealedAt)).toBe(false);
    now += 30_000;
    expect(later.spend(nonce, now)).toBe(true);
    await vi.waitFor(async () => expect(await readdir(folder)).toHaveLength(1));
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe('an answer of another edge cluster', () => {
  let server: Server;
  let sent = 0;
  /** The contents of the next reply. */
  let respond: (response: import('node:http').ServerResponse) => void;
  let peer: EdgePeer;
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      respond(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const metrics = edgeMetrics(new Registry());
    const log = pino({ level: 'silent' });
    peer = new EdgePeer({ cluster: 1, url, seal, lookupLimit: 20_000, metrics, log });
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const find = () => peer.ask('find', { client: 'demo', id: { kind: 'tntId', value: 'x' } });

  test('that does not end is cut off long before it fills the memory', async () => {
    const chunk = Buffer.alloc(256 * 1024, 'x');
    const most = 600 * 1024 * 1024;
    respond = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => {
        while (!response.destroyed && sent < most) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    };
    await expect(find()).rejects.toThrow('its answer has more than 8388608 bytes');
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test('that is compressed is not decompressed', async () => {
    respond = (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(Buffer.alloc(1024 * 1024)));
    };
    await expect(find()).rejects.toThrow('its answer is packed');
  });
});
