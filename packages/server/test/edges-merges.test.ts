/** Merges over edge clusters: listed and undone from any of them (contract section 20). */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { derivedKey } from '../src/access/signing-key.ts';
import { ANSWER_HEADER, EdgeSeal } from '../src/edges/edge-seal.ts';
import { ADMIN, EDGE_SECRET, type EdgeCluster, type EdgeClusters, startEdges } from './edge-clusters.ts';
import type { Json } from './in-process.ts';
import { hasRedis, type RedisNodes, startRedisNodes } from './redis-nodes.ts';
import { runQuiver } from './start-quiver.ts';
import { until } from './until.ts';

let edges: EdgeClusters;
let a: EdgeCluster;
let b: EdgeCluster;
let c: EdgeCluster;
async function start(ownFlags: readonly string[]): Promise<void> {
  // On a busy machine, a cluster that answers slowly must not count as down.
  const flagsOf = (cluster: number) => ['--edge-timeout', '2000', ...(cluster === 17 ? ownFlags : [])];
  edges = await startEdges([17, 28, 35], { runtimes: ['bun', 'node', 'bun'], flagsOf });
  [a, b, c] = edges.clusters as [EdgeCluster, EdgeCluster, EdgeCluster];
}
beforeEach(() =>
  until('all answer', async () => {
    const statuses = await Promise.all(
      edges.clusters.map(async (edge) => (await edge.fetch('/rest/v1/profiles/nobody?client=demo')).status),
    );
    return statuses.every((status) => status === 404);
  }),
);

let count = 0;
/** Ids that no other test uses. */
const fresh = () => {
  count += 1;
  const digits = String(count).padStart(8, '0');
  return {
    device: `device${count}`,
    other: `other${count}`,
    person: `person${count}`,
    ecid: digits.repeat(4),
  };
};
const visit = async (edge: EdgeCluster, id: object, set: Record<string, string> = {}) => {
  const body = { id, context: { channel: 'web' }, execute: { pageLoad: { profileParameters: set } } };
  const reply = await edge.fetch('/rest/v1/delivery?client=demo&sessionId=s', {
    method: 'POST',
    body: JSON.stringify(body),
  });
  expect(reply.status).toBe(200);
  return reply.headers.get('x-quiver-edge');
};
/** The values and the cluster of a profile; the status if it is not found. */
const fetched = async (edge: EdgeCluster, path: string): Promise<Json> => {
  const reply = await edge.fetch(`/rest/v1/profiles/${path}?client=demo`);
  if (reply.status !== 200) return reply.status;
  const { profileAttributes } = (await reply.json()) as Json;
  const { firstSessionStart: _, ...values } = Object.fromEntries(
    Object.entries(profileAttributes as Json).map(([name, { value }]: Json) => [name, value]),
  );
  return { edge: reply.headers.get('x-quiver-edge'), ...values };
};
const everywhere = async (path: string, expected: Json) => {
  for (const edge of edges.clusters)
    expect([edge.cluster, await fetched(edge, path)]).toEqual([edge.cluster, expected]);
};
const list = async (edge: EdgeCluster, query: string): Promise<Json> => {
  const reply = await edge.admin(`merges?${query}`);
  expect(reply.status).toBe(200);
  return reply.json();
};
const undo = async (edge: EdgeCluster, id: string, query = '') => {
  const reply = await edge.admin(`merges/${id}/unmerge${query}`, { method: 'POST' });
  const json = (await reply.json()) as Json;
  return { status: reply.status, json, message: json.errors?.[0].message as string | undefined };
};
/** A call as another cluster sends it. */
const asPeer = async (from: number, to: EdgeCluster, name: string, ask: object): Promise<Json> => {
  const key = derivedKey(EDGE_SECRET, 'edge calls');
  const seal = new EdgeSeal({ key, cluster: from, peers: [to.cluster], now: Date.now });
  const body = JSON.stringify(ask);
  const { authorization } = seal.seal(to.cluster, `/edge/v1/${name}`, body);
  const reply = await to.fetch(`/edge/v1/${name}`, { method: 'POST', headers: { authorization }, body });
  expect([reply.status, reply.headers.has(ANSWER_HEADER)]).toEqual([200, true]);
  return reply.json();
};

/** A device is merged into a person at a cluster. */
async function merge(edge: EdgeCluster) {
  const ids = fresh();
  await visit(edge, { tntId: ids.device }, { country: 'france', size: 'L' });
  await visit(edge, { thirdPartyId: ids.person, tntId: ids.other }, { country: 'spain' });
  await visit(edge, { thirdPartyId: ids.person, tntId: ids.device });
  const { merges } = await list(edge, `thirdPartyId=${ids.person}`);
  expect(merges).toHaveLength(1);
  return { ...ids, id: merges[0].id as string };
}

/**
 * A merge at one cluster, whose profile has moved to another since: the device was merged into the
 * profile of an ECID at `from`, and that into a person at `to`.
 */
async function mergeThatMoved(from: EdgeCluster, to: EdgeCluster) {
  const ids = fresh();
  await visit(from, { tntId: ids.device }, { device: 'yes' });
  await visit(from, { marketingCloudVisitorId: ids.ecid, tntId: ids.other }, { ecid: 'yes' });
  await visit(from, { marketingCloudVisitorId: ids.ecid, tntId: ids.device });
  await visit(to, { thirdPartyId: ids.person }, { person: 'yes' });
  expect(await visit(from, { thirdPartyId: ids.person, marketingCloudVisitorId: ids.ecid })).toBe(
    String(to.cluster),
  );
  const { merges } = await list(to, `tntId=${ids.device}`);
  expect(merges).toHaveLength(2);
  return { ...ids, second: merges[0].id as string, first: merges[1].id as string };
}

describe('three edge clusters', () => {
  beforeAll(() => start([]));
  afterAll(() => edges?.stop());
  describeMerges();
});

describe.skipIf(!hasRedis)('three edge clusters, one of them on Redis Cluster', () => {
  let redis: RedisNodes;
  beforeAll(async () => {
    redis = await startRedisNodes();
    await start(['--store', `redis://${redis.seeds}`]);
  });
  afterAll(async () => {
    await edges?.stop();
    await redis?.stop();
  });
  describeMerges();
});

function describeMerges(): void {
  test('a merge is listed, previewed and undone from a cluster where it was not made', async () => {
    const { id, device, other, person } = await merge(b);
    const merged = { edge: '28', country: 'spain', size: 'L' };
    for (const edge of edges.clusters) {
      for (const query of [`thirdPartyId=${person}`, `tntId=${device}`, `tntId=${other}`]) {
        expect(await list(edge, query)).toMatchObject({
          merges: [
            {
              id,
              into: { id: person },
              from: [{ id: device }],
              overruled: expect.arrayContaining(['country']),
            },
          ],
          unreachable: [],
        });
      }
      const preview = await undo(edge, id, '?preview=true');
      expect(preview).toMatchObject({
        status: 200,
        json: { preview: true, removed: ['size'], ids: [{ id: device }] },
      });
    }
    await everywhere(device, merged);
    expect(await undo(a, id)).toMatchObject({ status: 200, json: { preview: false, removed: ['size'] } });
    await everywhere(device, { edge: '28', country: 'france', size: 'L' });
    for (const path of [other, `thirdPartyId/${person}`])
      await everywhere(path, { edge: '28', country: 'spain' });
    for (const edge of edges.clusters) {
      const { merges } = await list(edge, `thirdPartyId=${person}`);
      expect(merges).toMatchObject([{ id, undoneAt: expect.any(String) }]);
      expect(await undo(edge, id)).toMatchObject({
        status: 409,
        message: expect.stringContaining('already'),
      });
    }
    expect((await undo(c, 'nothing')).status).toBe(404);
    // What was restored is written from everywhere too.
    expect(await visit(c, { tntId: device }, { size: 'S' })).toBe('28');
    await everywhere(device, { edge: '28', country: 'france', size: 'S' });
  });

  test('merges of several clusters are listed by time, and undone where the profile has moved to', async () => {
    const { device, other, person, ecid, first, second } = await mergeThatMoved(b, a);
    const all = { edge: '17', device: 'yes', ecid: 'yes', person: 'yes' };
    for (const path of [device, other, `thirdPartyId/${person}`]) await everywhere(path, all);
    for (const edge of edges.clusters) {
      for (const query of [`tntId=${device}`, `thirdPartyId=${person}`, `ecid=${ecid}`]) {
        const { merges, unreachable } = await list(edge, query);
        expect(merges.map((one: Json) => [one.id, one.into.id])).toEqual([
          [second, person],
          [first, ecid],
        ]);
        expect(unreachable).toEqual([]);
      }
    }
    expect((await undo(c, second)).status).toBe(200);
    await everywhere(device, { edge: '17', device: 'yes', ecid: 'yes' });
    await everywhere(`thirdPartyId/${person}`, { edge: '17', person: 'yes' });
    // The record of this one is in the cluster that the profile has left.
    expect(await undo(c, first, '?preview=true')).toMatchObject({
      status: 200,
      json: { removed: ['device'] },
    });
    expect(await undo(c, first)).toMatchObject({ status: 200, json: { removed: ['device'] } });
    await everywhere(device, { edge: '17', device: 'yes' });
    for (const path of [other, `marketingCloudVisitorId/${ecid}`]) {
      await everywhere(path, { edge: '17', ecid: 'yes' });
    }
    for (const edge of edges.clusters) {
      expect((await list(edge, `tntId=${device}`)).merges).toMatchObject([
        { id: second, undoneAt: expect.any(String) },
        { id: first, undoneAt: expect.any(String) },
      ]);
      expect((await undo(edge, first)).status).toBe(409);
    }
  });

  test('a merge that is undone from all clusters at once is undone once', async () => {
    const { device, ecid, first, second } = await mergeThatMoved(b, a);
    for (const id of [second, first]) {
      const replies = await Promise.all(edges.clusters.map((edge) => undo(edge, id)));
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    }
    await everywhere(device, { edge: '17', device: 'yes' });
    await everywhere(`marketingCloudVisitorId/${ecid}`, { edge: '17', ecid: 'yes' });
  });

  test('a merge that was undone where the others do not know is not undone twice', async () => {
    const { device, ecid, first, second } = await mergeThatMoved(b, a);
    expect((await undo(c, second)).status).toBe(200);
    const { records } = await asPeer(35, b, 'merges', { client: 'demo', ids: [], merge: first, limit: 0 });
    const asked = { client: 'demo', merge: records[0], isPreview: false };
    expect(await asPeer(35, a, 'unmerge', asked)).toMatchObject({ outcome: 'unmerged' });
    await visit(b, { marketingCloudVisitorId: ecid, tntId: device }, { since: 'yes' });
    expect(await undo(c, first)).toMatchObject({
      status: 409,
      message: expect.stringContaining('already'),
    });
    await everywhere(device, { edge: '17', device: 'yes', ecid: 'yes', since: 'yes' });
    const told = await asPeer(35, b, 'merges', { client: 'demo', ids: [], merge: first, limit: 0 });
    expect(told.records).toMatchObject([{ id: first, undoneAt: expect.any(Number) }]);
  });

  test('a duplicate of the profile in another cluster does not merge the two again', async () => {
    const { id, device, person } = await merge(b);
    const ids = [`thirdPartyId ${person}`, `tntId ${device}`].map((one) => {
      const [kind, value] = one.split(' ');
      return { kind, value };
    });
    const { profile } = await asPeer(17, b, 'hand-over', { client: 'demo', id: ids[0] });
    await asPeer(17, c, 'adopt', { client: 'demo', profile });
    expect((await undo(a, id)).status).toBe(200);
    await everywhere(device, { edge: '28', country: 'france', size: 'L' });
    await everywhere(`thirdPartyId/${person}`, { edge: '28', country: 'spain' });
    for (const one of ids) {
      expect(await asPeer(17, c, 'known', { client: 'demo', ids: [one] })).toEqual({ known: [] });
    }
  });

  test('a merge is gone everywhere when its profile was removed where it has moved to', async () => {
    const { device, person, first } = await mergeThatMoved(b, a);
    expect((await c.admin(`profiles?id=${person}&kind=thirdPartyId`, { method: 'DELETE' })).status).toBe(204);
    await visit(c, { tntId: device }, { new: 'yes' });
    for (const edge of edges.clusters) {
      expect(await list(edge, `tntId=${device}`)).toEqual({ merges: [], unreachable: [] });
      expect((await undo(edge, first)).status).toBe(404);
    }
    await everywhere(device, { edge: '35', new: 'yes' });
  });

  test('an erased person has no merges in any cluster', async () => {
    const { device, person, first } = await mergeThatMoved(b, a);
    const body = JSON.stringify({ type: 'erase', identities: [{ thirdPartyId: person }] });
    const taken = (await (await c.admin('privacy/requests', { method: 'POST', body })).json()) as Json;
    await until('the request is complete', async () => {
      const reply = await c.admin(`privacy/requests/${taken.id}`);
      return ((await reply.json()) as Json).state === 'complete';
    });
    for (const edge of edges.clusters) {
      expect((await list(edge, `tntId=${device}`)).merges).toEqual([]);
      const { records } = await asPeer(edge === b ? 17 : 28, edge, 'merges', {
        ...{ client: 'demo', ids: [{ kind: 'tntId', value: device }], merge: first, limit: 100 },
      });
      expect(records).toEqual([]);
    }
  });

  test('while a cluster is down, the list names it, undoing is a 503 that changes nothing, and works when it is back', async () => {
    const there = await merge(b);
    const { id, device, person } = await merge(a);
    await b.kill();
    const query = `thirdPartyId=${person}`;
    expect(await list(a, query)).toMatchObject({ merges: [{ id }], unreachable: [28] });
    expect(await list(c, `tntId=${there.device}`)).toEqual({ merges: [], unreachable: [28] });
    const env = { QUIVER_TOKEN: ADMIN };
    const told = await runQuiver(['merges', person, '--url', a.url], { env });
    expect(told.stdout).toContain(id);
    expect(told.stderr).toContain('edge cluster 28 cannot be asked');
    expect(told.code).toBe(1);
    for (const [edge, one] of [
      [a, id],
      [c, id],
      [c, there.id],
    ] as const) {
      for (const preview of ['', '?preview=true']) {
        const { status, message } = await undo(edge, one, preview);
        expect([status, message]).toEqual([503, expect.stringContaining('Edge cluster 28')]);
      }
    }
    expect(await fetched(a, device)).toEqual({ edge: '17', country: 'spain', size: 'L' });
    await b.restart();
    await until('all can be asked', async () => (await list(a, query)).unreachable.length === 0);
    await until('it is undone', async () => (await undo(c, there.id)).status === 200);
    await until('it is undone', async () => (await undo(a, id)).status === 200);
    await everywhere(device, { edge: '17', country: 'france', size: 'L' });
    await everywhere(there.device, { edge: '28', country: 'france', size: 'L' });
  });
}
