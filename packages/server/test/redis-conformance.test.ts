/** The engine on a Redis Cluster keeps the storage contracts, on a real cluster of six nodes; each test under a prefix of its own. */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeBatchStore } from '../src/storage/conformance/batch-store-conformance.ts';
import { describeClientStore } from '../src/storage/conformance/client-store-conformance.ts';
import { testAgainstModel } from '../src/storage/conformance/model-comparison.ts';
import {
  describeProfileStore,
  type StorePlace,
} from '../src/storage/conformance/profile-store-conformance.ts';
import { describeUsageStore } from '../src/storage/conformance/usage-store-conformance.ts';
import { keySlot } from '../src/storage/redis/key-slot.ts';
import { openRedisStores } from '../src/storage/redis/open-redis-stores.ts';
import type { Stores } from '../src/storage/stores.ts';
import { hasRedis, type RedisNodes, startRedisNodes } from './redis-nodes.ts';

describe.skipIf(!hasRedis)('a store on Redis Cluster', () => {
  let cluster: RedisNodes;
  beforeAll(async () => {
    cluster = await startRedisNodes();
  });
  afterAll(() => cluster?.stop());

  const seeds = () => cluster.nodes.slice(0, 2).map(({ port }) => ({ host: '127.0.0.1', port }));
  async function makePlace(): Promise<StorePlace> {
    const prefix = `test-${randomBytes(6).toString('hex')}`;
    const opened: Stores[] = [];
    return {
      async open(limits) {
        const stores = await openRedisStores({ seeds: seeds(), connection: {}, prefix, limits });
        opened.push(stores);
        return stores;
      },
      async dispose() {
        for (const stores of opened) await stores.close();
      },
    };
  }

  describeProfileStore('Redis Cluster', makePlace, true);
  describeBatchStore('Redis Cluster', makePlace);
  describeClientStore('Redis Cluster', makePlace);
  describeUsageStore('Redis Cluster', makePlace);
  testAgainstModel('Redis Cluster', makePlace, 20);

  test('a key lies in the slot that the cluster says', async () => {
    for (const key of ['a', 'q:{demo/0abc}', 'q:{demo/1a}b}', '{}x', 'x{', 'q:{é/0\u{1f600}}:o:1']) {
      expect(keySlot(key)).toBe(await cluster.nodes[0]!.ask('CLUSTER', 'KEYSLOT', key));
    }
  });
});
