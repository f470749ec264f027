/**
 * Attribute indexes over HTTP (contract section 21): they are built for a setting, say so in the
 * list, survive a kill, and keep nothing of an erased person.
 */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AttributeIndexes } from '../src/storage/kept/attribute-indexes.ts';
import { ATTRIBUTE_INDEXES, STATE_KEY } from '../src/storage/kept/index-rows.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import { openRedisStores } from '../src/storage/redis/open-redis-stores.ts';
import type { Stores } from '../src/storage/stores.ts';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';
import { describeOnBothEngines } from './on-both-engines.ts';
import { hasRedis, type RedisNodes, startRedisNodes } from './redis-nodes.ts';
import { startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const LIST = '/demo/target/profiles?attribute=';

describeOnBothEngines('a list through an index', (openStores) => {
  let quiver: InProcess;
  beforeEach(async () => {
    quiver = await openInProcess({}, undefined, openStores);
  });
  afterEach(() => quiver.close());

  const ask = (method: string, target: string, body?: unknown) =>
    quiver.ask(method, target, { headers, ...(body !== undefined && { body }) });
  const index = (...names: string[]) =>
    ask('PATCH', '/demo/target/clients/settings', { indexedAttributes: names });
  const upkeep = async () => {
    while (await quiver.stores.changes.upkeep(Date.now()));
  };
  const listed = async (query: string): Promise<Json> => {
    await upkeep();
    return (await ask('GET', LIST + query)).json;
  };

  /** Does what the background process does. */
  async function build(...names: string[]): Promise<void> {
    await upkeep();
    const { records, changes: feed, lists, profiles } = quiver.stores;
    const wantedBy = () => names;
    const indexes = new AttributeIndexes({ records, feed, lists, profiles, wantedBy, now: Date.now });
    while (await indexes.step('demo'));
  }

  test('says when it comes from a finished index, and shows what a search shows', async () => {
    for (const n of [1, 2, 3]) await quiver.visit({ thirdPartyId: `crm-${n}` }, { plan: 'gold' });
    const searched = await listed('plan:gold');
    expect(searched.index).toBeUndefined();
    expect((await index('plan')).json.indexedAttributes).toEqual(['plan']);
    expect((await listed('plan:gold')).index).toEqual({ state: 'unfinished' });
    await build('plan');
    const found = await listed('plan:gold');
    expect(found.index).toEqual({ state: 'complete', upTo: expect.stringMatching(/^[0-9a-f]{12}-\d+$/) });
    const byId = (one: Json, other: Json) => (one.id < other.id ? -1 : 1);
    expect(found.profiles.toSorted(byId)).toEqual(searched.profiles.toSorted(byId));
    await quiver.visit({ thirdPartyId: 'crm-4' }, { plan: 'gold' });
    const first = await listed('plan:gold&limit=3&show=attributes');
    expect(first.profiles).toHaveLength(3);
    expect(first.profiles[0].attributes.map(({ name }: Json) => name)).toContain('plan');
    const second = await listed(`plan:gold&limit=3&cursor=${first.next}`);
    expect([second.profiles.length, second.next, second.index.state]).toEqual([1, undefined, 'complete']);
    expect((await listed('plan:gold&prefix=crm-')).index).toBeUndefined();
    expect((await listed('other:gold')).index).toBeUndefined();
    expect((await ask('GET', `${LIST}plan:gold&cursor=xyz`)).status).toBe(400);
    expect((await ask('GET', `${LIST}other:gold&cursor=${first.next}`)).status).toBe(400);
    expect((await ask('GET', '/openapi.json')).text).toContain('indexedAttributes');
  });

  test('keeps nothing of an erased person', async () => {
    await index('plan');
    await quiver.visit({ thirdPartyId: 'crm-1' }, { plan: 'gold' });
    await quiver.visit({ thirdPartyId: 'crm-2' }, { plan: 'gold' });
    await build('plan');
    const person = { thirdPartyId: 'crm-1' };
    const taken = await ask('POST', '/demo/target/privacy/requests', {
      type: 'erase',
      identities: [person],
    });
    await until('the person is erased', async () => {
      const { json } = await ask('GET', `/demo/target/privacy/requests/${taken.json.id}`);
      return json.state === 'complete';
    });
    const kept = await quiver.stores.records.range(ATTRIBUTE_INDEXES, 'demo');
    // The state, and two records of the other person.
    expect(kept).toHaveLength(3);
    expect(JSON.stringify(kept)).not.toContain('crm-1');
    expect((await listed('plan:gold')).profiles).toHaveLength(1);
  });
});

/** A server on some engine, and a way to look into its store. */
interface Place {
  readonly flags: readonly string[];
  open(dataDir: string): Promise<Stores>;
}

async function survivesKill({ flags, open }: Place): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'quiver-indexes-'));
  const options = { dataDir, flags: [...flags, '--workers', '1', '--log-level', 'error'] };
  let quiver = await startQuiver(options);
  const stores = await open(dataDir);
  const ask = async (method: string, target: string, body?: string): Promise<Json> => {
    const authorization = `Bearer ${quiver.adminToken}`;
    return (await fetch(quiver.url + target, { method, body, headers: { authorization } })).json();
  };
  const state = async () => {
    const text = await stores.records.get(ATTRIBUTE_INDEXES, 'demo', STATE_KEY);
    return text === undefined ? undefined : JSON.parse(text);
  };
  try {
    const rows = Array.from({ length: 20_000 }, (_, n) => `p${n},${n % 100 === 7 ? 'gold' : 'silver'}`);
    const file = `batch=thirdPartyId,plan\n${rows.join('\n')}`;
    const { batchId } = await ask('POST', '/demo/target/batches?version=v2', file);
    await until('the batch is applied', async () => {
      return (await ask('GET', `/demo/target/batches/${batchId}`)).state === 'complete';
    });
    await ask('PATCH', '/demo/target/clients/settings', '{"indexedAttributes":["plan"]}');
    for (let isMidway = false; !isMidway; ) isMidway = Boolean((await state())?.walk);
    await quiver.kill();
    expect(await state()).toMatchObject({ complete: [], walk: expect.stringMatching(/./) });
    quiver = await startQuiver(options);
    await fetch(`${quiver.url}/m2/demo/profile/update?mbox3rdPartyId=p7&profile.plan=silver`);
    await fetch(`${quiver.url}/m2/demo/profile/update?mbox3rdPartyId=p8&profile.plan=gold`);
    let page: Json;
    await until('the index is complete and includes the updates', async () => {
      page = await ask('GET', `${LIST}plan:gold&limit=1000`);
      return page.index.state === 'complete' && page.profiles.some(({ id }: Json) => id === 'p8');
    });
    const ids = new Set(page.profiles.map(({ id }: Json) => id));
    expect([page.profiles.length, ids.size, page.next, ids.has('p7')]).toEqual([200, 200, undefined, false]);
  } finally {
    await quiver.stop();
    await stores.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

describe('a server that is killed while it builds an index', () => {
  test('continues after its start, with the embedded store', () =>
    survivesKill({ flags: [], open: (dataDir) => openLmdbStores({ path: join(dataDir, 'store') }) }));

  describe.skipIf(!hasRedis)('with Redis Cluster', () => {
    let cluster: RedisNodes;
    beforeAll(async () => {
      cluster = await startRedisNodes();
    });
    afterAll(() => cluster?.stop());
    test('continues after its start', () => {
      const prefix = `test-${randomBytes(6).toString('hex')}`;
      const seeds = cluster.nodes.slice(0, 2).map(({ port }) => ({ host: '127.0.0.1', port }));
      return survivesKill({
        flags: ['--store', `redis://${cluster.seeds}`, '--store-prefix', prefix],
        open: () => openRedisStores({ seeds, connection: {}, prefix }),
      });
    });
  });
});
