/**
 * The engine on a Redis Cluster keeps the storage contracts, on a real cluster of six nodes; each
 * test under a prefix of its own.
 */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { FeedRetention } from '../src/storage/change-feed.ts';
import { describeAttributeIndexes } from '../src/storage/conformance/attribute-index-conformance.ts';
import { describeBatchStore } from '../src/storage/conformance/batch-store-conformance.ts';
import { describeChangeFeed, KEPT } from '../src/storage/conformance/change-feed-conformance.ts';
import { describeClientStore } from '../src/storage/conformance/client-store-conformance.ts';
import { describeMergeTrail, MERGES_KEPT } from '../src/storage/conformance/merge-trail-conformance.ts';
import { testAgainstModel } from '../src/storage/conformance/model-comparison.ts';
import { describeProfileLists } from '../src/storage/conformance/profile-lists-conformance.ts';
import {
  describeProfileStore,
  type StorePlace,
} from '../src/storage/conformance/profile-store-conformance.ts';
import { describeRecordStore } from '../src/storage/conformance/record-store-conformance.ts';
import { describeUsageStore } from '../src/storage/conformance/usage-store-conformance.ts';
import { describeVisitorState } from '../src/storage/conformance/visitor-state-conformance.ts';
import { keySlot } from '../src/storage/redis/key-slot.ts';
import { openRedisStores } from '../src/storage/redis/open-redis-stores.ts';
import { RedisCluster } from '../src/storage/redis/redis-cluster.ts';
import type { Stores } from '../src/storage/stores.ts';
import { hasRedis, type RedisNodes, startRedisNodes } from './redis-nodes.ts';

describe.skipIf(!hasRedis)('a store on Redis Cluster', () => {
  let cluster: RedisNodes;
  beforeAll(async () => {
    cluster = await startRedisNodes();
  });
  afterAll(() => cluster?.stop());

  const seeds = () => cluster.nodes.slice(0, 2).map(({ port }) => ({ host: '127.0.0.1', port }));
  async function makePlace(changes?: FeedRetention, merges?: number): Promise<StorePlace> {
    const prefix = `test-${randomBytes(6).toString('hex')}`;
    const opened: Stores[] = [];
    return {
      async open(limits) {
        const stores = await openRedisStores({
          seeds: seeds(),
          connection: {},
          prefix,
          limits,
          changes,
          merges,
        });
        opened.push(stores);
        return stores;
      },
      async dispose() {
        for (const stores of opened) await stores.close();
      },
    };
  }

  const withoutFeed = () => makePlace();
  const withFeed = () => makePlace(KEPT);
  const withMerges = () => makePlace(KEPT, MERGES_KEPT);
  describeProfileStore('Redis Cluster', withoutFeed, true);
  describeChangeFeed('Redis Cluster', withFeed, 'of-a-profile');
  describeVisitorState('Redis Cluster', withoutFeed);
  describeMergeTrail('Redis Cluster', withMerges);
  describeBatchStore('Redis Cluster', withoutFeed);
  describeRecordStore('Redis Cluster', withoutFeed);
  describeClientStore('Redis Cluster', withoutFeed);
  describeUsageStore('Redis Cluster', withoutFeed);
  testAgainstModel('Redis Cluster', withFeed, 20);
  describeProfileStore('Redis Cluster', makePlace, true);
  describeBatchStore('Redis Cluster', makePlace);
  describeRecordStore('Redis Cluster', makePlace);
  describeClientStore('Redis Cluster', makePlace);
  describeUsageStore('Redis Cluster', makePlace);
  describeProfileLists('Redis Cluster', makePlace, false);
  describeAttributeIndexes('Redis Cluster', withMerges);
  testAgainstModel('Redis Cluster', makePlace, 20);

  describe('the stores on a cluster that loses the reply to every script once', () => {
    beforeAll(() => {
      const { write } = RedisCluster.prototype;
      vi.spyOn(RedisCluster.prototype, 'write').mockImplementation(async function (
        this: RedisCluster,
        ...of
      ) {
        await write.apply(this, of);
        return write.apply(this, of);
      });
    });
    afterAll(() => vi.restoreAllMocks());
    testAgainstModel('Redis Cluster', withFeed, 6);
    describeChangeFeed('Redis Cluster', withFeed, 'of-a-profile');
    describeMergeTrail('Redis Cluster', withMerges);
    describeAttributeIndexes('Redis Cluster', withMerges);
  });

  test('at maxmemory, attributes and profiles can be removed, but nothing else can be written', async () => {
    const place = await makePlace();
    const { profiles } = await place.open();
    const id = { kind: 'thirdPartyId', value: 'full' } as const;
    const moment = () => ({ now: Date.now(), lifetimeDays: 14 });
    const write = (name: string) => profiles.update('demo', id, new Map([[name, 'v']]), moment(), true);
    const attributes = async () => JSON.parse((await profiles.find('demo', id, Date.now()))!.attributes);
    await write('kept');
    await write('gone');
    const before = await attributes();
    const limit = (bytes: string) =>
      Promise.all(cluster.nodes.map((node) => node.ask('CONFIG', 'SET', 'maxmemory', bytes)));
    try {
      await limit('1mb');
      await expect(write('more')).rejects.toMatchObject({ status: 507 });
      expect(await profiles.removeAttribute('demo', id, 'gone', moment())).toBe('removed');
      expect(await attributes()).toEqual({ kept: before.kept });
      await expect(write('more')).rejects.toMatchObject({ status: 507 });
      expect(await profiles.remove('demo', id, Date.now())).toBe(true);
    } finally {
      await limit('0');
      await place.dispose();
    }
  });

  describe.each(['update', 'removal'])('for a profile, a repeated %s', (what) => {
    test.each([1, 7, 8, 9, 40])(
      'after %i other changes is recognised, and changes nothing',
      async (later) => {
        const place = await makePlace();
        const { profiles } = await place.open();
        const id = { kind: 'tntId', value: 'again' } as const;
        const moment = () => ({ now: Date.now(), lifetimeDays: 14 });
        const write = (value: string) =>
          profiles.update('demo', id, new Map([['name', value]]), moment(), true);
        await write('before');
        const sent = vi.spyOn(RedisCluster.prototype, 'write');
        if (what === 'update') await write('first');
        else expect(await profiles.removeAttribute('demo', id, 'name', moment())).toBe('removed');
        const [call] = sent.mock.calls.at(-1)!;
        const on = sent.mock.contexts.at(-1) as RedisCluster;
        for (let nth = 1; nth <= later; nth += 1) await write(`later ${nth}`);
        expect(String((await on.write(call))[0])).toBe('done');
        sent.mockRestore();
        expect((await profiles.find('demo', id, Date.now()))!.attributes).toContain(`"later ${later}"`);
        const other = 'an-unknown-write';
        const [cell, note, outbox] = call.keys as [string, string, string];
        const keys = [cell, note.slice(0, -other.length) + other, outbox];
        const unknown = { ...call, keys, args: [other, ...call.args.slice(1)] };
        expect(String((await on.write(unknown))[0])).not.toBe('done');
        await place.dispose();
      },
    );
  });

  test('the file of a batch is stored compressed, and is read from any byte', async () => {
    const place = await makePlace();
    const { batchFiles } = await place.open();
    const file = Buffer.from(
      `batch=pcId,a\n${Array.from({ length: 40_000 }, (_, n) => `v${n},${n}\n`).join('')}`,
    );
    const incoming = await batchFiles.receive();
    for (let at = 0; at < file.length; at += 100_000) await incoming.write(file.subarray(at, at + 100_000));
    await incoming.keepAs('demo-1-00000000');
    await incoming.discard();
    for (const start of [0, 262_144, 300_000, file.length - 1]) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of batchFiles.readFrom('demo-1-00000000', start)) chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(file.subarray(start))).toBe(true);
    }
    await batchFiles.remove('demo-1-00000000');
    expect(await batchFiles.ids()).toEqual([]);
    await place.dispose();
  });

  test('a key is in the slot that the cluster computes', async () => {
    for (const key of ['a', 'q:{demo/0abc}', 'q:{demo/1a}b}', '{}x', 'x{', 'q:{é/0\u{1f600}}:o:1']) {
      expect(keySlot(key)).toBe(await cluster.nodes[0]!.ask('CLUSTER', 'KEYSLOT', key));
    }
  });
});
