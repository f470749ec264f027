/** Runs the same tests of the app over the embedded store and over a real Redis Cluster. */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { openRedisStores } from '../src/storage/redis/open-redis-stores.ts';
import type { Stores } from '../src/storage/stores.ts';
import { CONFIG } from './in-process.ts';
import { hasRedis, type RedisNodes, startRedisNodes } from './redis-nodes.ts';

/** Opens an empty store for `openInProcess`; undefined for the embedded one. */
export type OpenStores = (() => Promise<Stores>) | undefined;

/** @param body declares the tests; each of them opens a store of its own */
export function describeOnBothEngines(what: string, body: (openStores: OpenStores) => void): void {
  describe(`${what}, on the embedded store`, () => body(undefined));
  describe.skipIf(!hasRedis)(`${what}, on Redis Cluster`, () => {
    let cluster: RedisNodes;
    beforeAll(async () => {
      cluster = await startRedisNodes();
    });
    afterAll(() => cluster?.stop());
    body(() =>
      openRedisStores({
        seeds: cluster.nodes.slice(0, 2).map(({ port }) => ({ host: '127.0.0.1', port })),
        connection: {},
        prefix: `test-${randomBytes(6).toString('hex')}`,
        changes: CONFIG.changes,
      }),
    );
  });
}
