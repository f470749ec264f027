/**
 * Three edge clusters as processes (contract section 8): found, written and linked from anywhere,
 * and never a false "not found".
 */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN, type EdgeCluster, type EdgeClusters, startEdges } from './edge-clusters.ts';
import { runQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const CLUSTERS = [17, 28, 35];
/** On a busy machine, a cluster that answers slowly must not count as down. */
const patient = () => ['--edge-timeout', '2000'];
let count = 0;
/** An id that no other test uses. */
const fresh = (name: string) => {
  count += 1;
  return `${name}${count}x${process.pid}`;
};

type Ids = {
  tntId?: string;
  thirdPartyId?: string;
  marketingCloudVisitorId?: string;
  customerIds?: object[];
};

const visit = (edge: EdgeCluster, id: Ids, set: Record<string, string> = {}) =>
  edge.fetch('/rest/v1/delivery?client=demo&sessionId=s', {
    method: 'POST',
    body: JSON.stringify({
      id,
      context: { channel: 'web' },
      execute: { pageLoad: { profileParameters: set } },
    }),
  });
const visited = async (edge: EdgeCluster, id: Ids, set: Record<string, string> = {}) => {
  const reply = await visit(edge, id, set);
  expect(reply.status).toBe(200);
  const body = (await reply.json()) as { id: { tntId: string } };
  return { tntId: body.id.tntId, edge: reply.headers.get('x-quiver-edge') };
};
const get = (edge: EdgeCluster, path: string) => edge.fetch(`/rest/v1/profiles/${path}?client=demo`);
const fetched = async (edge: EdgeCluster, path: string) => {
  const reply = await get(edge, path);
  if (reply.status !== 200) return reply.status;
  const { profileAttributes } = (await reply.json()) as {
    profileAttributes: Record<string, { value: string }>;
  };
  const { firstSessionStart: _, ...values } = Object.fromEntries(
    Object.entries(profileAttributes).map(([name, { value }]) => [name, value]),
  );
  return { edge: reply.headers.get('x-quiver-edge'), ...values };
};
const update = (edge: EdgeCluster, query: string) => edge.fetch(`/m2/demo/profile/update?${query}`);
const profilesAt = async (edge: EdgeCluster) => {
  const body = (await (await edge.admin('server')).json()) as { store: { profiles: number } };
  return body.store.profiles;
};

describe('three edge clusters', () => {
  let edges: EdgeClusters;
  let a: EdgeCluster;
  let b: EdgeCluster;
  let c: EdgeCluster;
  beforeAll(async () => {
    edges = await startEdges(CLUSTERS, { runtimes: ['bun', 'node', 'bun'], flagsOf: patient });
    [a, b, c] = edges.clusters as [EdgeCluster, EdgeCluster, EdgeCluster];
  });
  afterAll(() => edges?.stop());

  describe('on a read', () => {
    test('give a tntId the number of the cluster that created it, and find it from any cluster', async () => {
      const { tntId } = await visited(a, {}, { tier: 'gold' });
      expect(tntId).toMatch(/^[0-9a-f]{32}\.17$/);
      const bare = tntId.split('.')[0]!;
      for (const sent of [tntId, bare, `${bare}.17_4`, `${bare}.28`, `${bare}.99`, `${bare}.nonsense`]) {
        for (const edge of [a, b, c]) {
          expect([sent, await fetched(edge, sent)]).toEqual([sent, { edge: '17', tier: 'gold' }]);
        }
      }
    });

    test('find every other id too, and answer 404 for an id that none has', async () => {
      const thirdPartyId = fresh('person');
      const marketingCloudVisitorId = fresh('ecid');
      await visited(b, { thirdPartyId, marketingCloudVisitorId }, { tier: 'gold' });
      for (const edge of [a, b, c]) {
        const expected = { edge: '28', tier: 'gold' };
        expect(await fetched(edge, `thirdPartyId/${thirdPartyId}`)).toEqual(expected);
        expect(await fetched(edge, `marketingCloudVisitorId/${marketingCloudVisitorId}`)).toEqual(expected);
        expect(await fetched(edge, fresh('nobody'))).toBe(404);
      }
    });
  });

  describe('on a write', () => {
    test('apply updates and removals where the profile lives', async () => {
      const thirdPartyId = fresh('person');
      await visited(c, { thirdPartyId }, { tier: 'gold', city: 'rome' });
      const reply = await update(a, `mbox3rdPartyId=${thirdPartyId}&profile.tier=silver`);
      expect(await reply.text()).toContain('<success>true');
      expect(reply.headers.get('x-quiver-edge')).toBe('35');
      expect(await fetched(c, `thirdPartyId/${thirdPartyId}`)).toEqual({
        edge: '35',
        tier: 'silver',
        city: 'rome',
      });
      const path = `profiles?id=${thirdPartyId}&kind=thirdPartyId`;
      const attribute = `profiles/attributes?id=${thirdPartyId}&kind=thirdPartyId&name=city`;
      expect((await b.admin(attribute, { method: 'DELETE' })).status).toBe(204);
      expect(await fetched(a, `thirdPartyId/${thirdPartyId}`)).toEqual({ edge: '35', tier: 'silver' });
      expect((await b.admin(path)).status).toBe(200);
      expect((await b.admin(path, { method: 'DELETE' })).status).toBe(204);
      for (const edge of [a, b, c]) expect(await fetched(edge, `thirdPartyId/${thirdPartyId}`)).toBe(404);
      const none = await update(a, `mbox3rdPartyId=${thirdPartyId}&profile.tier=silver`);
      expect(await none.text()).toContain('No profile found');
    });

    test('find a customer id from any cluster, and move it along when its profile joins a person', async () => {
      const id = fresh('customer');
      const thirdPartyId = fresh('person');
      const customerIds = [{ id, integrationCode: 'crm', authenticatedState: 'authenticated' }];
      const { tntId } = await visited(b, { customerIds }, { city: 'rome' });
      expect((await visited(c, { customerIds })).tntId).toBe(tntId);
      await visited(a, { thirdPartyId }, { tier: 'gold' });
      await visited(c, { thirdPartyId, customerIds });
      const expected = { edge: '17', tier: 'gold', city: 'rome' };
      for (const edge of [a, b, c]) {
        expect(await fetched(edge, `thirdPartyId/${thirdPartyId}`)).toEqual(expected);
        const found = await edge.admin(`profiles?id=${encodeURIComponent(`crm:${id}`)}&kind=customerId`);
        expect(await found.json()).toMatchObject({
          ids: expect.arrayContaining([expect.objectContaining({ kind: 'thirdPartyId', id: thirdPartyId })]),
        });
      }
    });

    test('process a visit where the visitor lives, and say so', async () => {
      const { tntId } = await visited(a, {}, { tier: 'gold' });
      const again = await visited(b, { tntId: tntId.split('.')[0]! }, { city: 'rome' });
      expect(again).toEqual({ tntId, edge: '17' });
      expect(await fetched(c, tntId)).toEqual({ edge: '17', tier: 'gold', city: 'rome' });
    });

    test('keep what was known of the device when a visitor signs in at another cluster', async () => {
      const thirdPartyId = fresh('person');
      await visited(a, { thirdPartyId }, { tier: 'gold', color: 'red' });
      const { tntId } = await visited(b, {}, { city: 'rome', color: 'blue' });
      const before = await profilesAt(b);
      const signedIn = await visited(c, { tntId, thirdPartyId }, { last: 'now' });
      expect(signedIn).toEqual({ tntId: `${tntId.split('.')[0]}.17`, edge: '17' });
      const all = { edge: '17', tier: 'gold', color: 'red', city: 'rome', last: 'now' };
      for (const edge of [a, b, c]) {
        expect(await fetched(edge, tntId)).toEqual(all);
        expect(await fetched(edge, `thirdPartyId/${thirdPartyId}`)).toEqual(all);
      }
      expect(await profilesAt(b)).toBe(before - 1);
    });

    test('keep session and categories where the visitor lives, and move and merge them with the profile', async () => {
      const look = (edge: EdgeCluster, id: Ids, categories: string) =>
        edge.fetch('/rest/v1/delivery?client=demo&sessionId=s', {
          method: 'POST',
          body: JSON.stringify({
            id,
            context: { channel: 'web' },
            execute: { pageLoad: { parameters: { 'user.categoryId': categories } } },
          }),
        });
      const viewed = async (edge: EdgeCluster, id: string) => {
        const reply = await edge.admin(`profiles?id=${id}`);
        const { categoryAffinities } = (await reply.json()) as {
          categoryAffinities: { category: string; score: number }[];
        };
        return categoryAffinities.map(({ category, score }) => `${category} ${score}`);
      };
      const thirdPartyId = fresh('shopper');
      const { tntId } = await visited(b, {});
      await look(c, { tntId }, 'hats,shoes');
      expect(await viewed(b, tntId.split('.')[0]!)).toEqual(['hats 9', 'shoes 5']);
      await look(a, { thirdPartyId }, 'shoes');
      const before = await profilesAt(b);
      await visited(c, { tntId, thirdPartyId });
      expect(await viewed(a, thirdPartyId)).toEqual(['shoes 10', 'hats 9']);
      expect(await profilesAt(b)).toBe(before - 1);
    });

    test('let a device that two persons share follow the last one, and each keeps what is theirs', async () => {
      const [anna, bert] = [fresh('anna'), fresh('bert')];
      const { tntId } = await visited(a, { thirdPartyId: anna }, { of: 'anna' });
      await visited(b, { thirdPartyId: bert }, { of: 'bert' });
      await visited(c, { tntId, thirdPartyId: bert });
      expect(await fetched(a, tntId)).toMatchObject({ of: 'bert' });
      expect(await fetched(b, `thirdPartyId/${anna}`)).toMatchObject({ of: 'anna' });
    });
  });

  describe('on twins', () => {
    test('merge a person who appears at all clusters at once, with the newest of each value', async () => {
      let born = 0;
      const before = (await Promise.all([a, b, c].map(profilesAt))).reduce((sum, one) => sum + one);
      for (let round = 0; round < 5; round += 1) {
        const thirdPartyId = fresh('twin');
        await Promise.all(
          [a, b, c].map((edge) =>
            visited(edge, { thirdPartyId }, { [`at${edge.cluster}`]: '1', last: String(edge.cluster) }),
          ),
        );
        await until('they are one', async () => {
          const path = `thirdPartyId/${thirdPartyId}`;
          const [seen, ...others] = await Promise.all([a, b, c].map((edge) => fetched(edge, path)));
          return (
            ['at17', 'at28', 'at35'].every((name) => name in Object(seen)) &&
            others.every((other) => JSON.stringify(other) === JSON.stringify(seen))
          );
        });
        // A reader that asks for the profiles of all clusters finds one.
        const whole = await Promise.all([a, b, c].map(profilesAt));
        born += 1;
        expect(whole.reduce((sum, one) => sum + one)).toBe(before + born);
      }
    });
  });

  describe('on clients', () => {
    test('run a script that was set at one, and none that was disabled at one or deleted', async () => {
      const put = (edge: EdgeCluster, name: string, script: string) =>
        edge.admin(`scripts/${name}`, { method: 'PUT', body: JSON.stringify({ script }) });
      const states = (name: string) =>
        Promise.all(
          edges.clusters.map(async (edge) => {
            const reply = await edge.admin(`scripts/${name}`);
            return reply.status === 200 ? ((await reply.json()) as { state: string }).state : reply.status;
          }),
        );
      const everywhere = (name: string, state: string | number) =>
        until(`${name} is ${state} everywhere`, async () =>
          (await states(name)).every((one) => one === state),
        );
      await put(a, 'first', "return 'a' + mbox.name;");
      await put(a, 'second', "return profile.get('breaks') ? nothing : 'fine';");
      await everywhere('second', 'active');
      const { tntId } = await visited(b, {}, { country: 'no' });
      expect(await fetched(c, tntId)).toMatchObject({
        'user.first': 'atarget-global-mbox',
        'user.second': 'fine',
      });
      await visited(c, { thirdPartyId: fresh('breaking') }, { breaks: 'yes' });
      await everywhere('second', 'disabled');
      await put(b, 'second', "return 'mended';");
      await everywhere('second', 'active');
      await visited(c, { tntId });
      expect(await fetched(a, tntId)).toMatchObject({ 'user.second': 'mended' });
      for (const name of ['first', 'second']) await c.admin(`scripts/${name}`, { method: 'DELETE' });
      await everywhere('second', 404);
    });

    test('share tokens and settings made at one, and a session ended at one has ended everywhere', async () => {
      const made = await a.admin('authentication/token?authorizationScope=profile_api', { method: 'POST' });
      const { accessToken } = (await made.json()) as { accessToken: string };
      const on = { method: 'PATCH', body: JSON.stringify({ enableProfileApiAuthentication: true }) };
      expect((await b.admin('clients/settings', on)).status).toBe(200);
      const path = `/rest/v1/profiles/${fresh('nobody')}?client=demo`;
      const headers = { authorization: `Bearer ${accessToken}` };
      for (const edge of [a, b, c]) {
        await until('the door is shut', async () => (await edge.fetch(path)).status === 403);
        await until('the token opens it', async () => (await edge.fetch(path, { headers })).status === 404);
      }
      const off = { method: 'PATCH', body: JSON.stringify({ enableProfileApiAuthentication: false }) };
      expect((await c.admin('clients/settings', off)).status).toBe(200);
      for (const edge of [a, b, c]) {
        await until('the door is open', async () => (await edge.fetch(path)).status === 404);
      }

      const login = { method: 'POST', body: JSON.stringify({ token: ADMIN }) };
      const begun = await a.fetch('/console/session', login);
      const cookie = begun.headers.get('set-cookie')!.split(';', 1)[0]!;
      const status = async (edge: EdgeCluster) =>
        (await edge.fetch('/console/session', { headers: { cookie } })).status;
      for (const edge of [a, b, c]) expect(await status(edge)).toBe(200);
      const signOut = { method: 'DELETE', headers: { cookie } };
      expect((await b.fetch('/console/session', signOut)).status).toBe(204);
      for (const edge of [a, b, c]) {
        await until('the session has ended', async () => (await status(edge)) === 401);
      }
    });
  });

  test('set customer attributes where the profile lives, and move them with it', async () => {
    const id = fresh('customer');
    const customerIds = [{ id, integrationCode: 'crm', authenticatedState: 'authenticated' }];
    await visited(a, { customerIds });
    const accepted = await b.admin('customer-attributes/crm', {
      method: 'POST',
      body: `id,tier,city\n${id},gold,\n`,
    });
    const { batchId } = (await accepted.json()) as { batchId: string };
    await until('the batch is complete', async () => {
      const { state } = (await (await b.admin(`batches/${batchId}`)).json()) as { state: string };
      return state === 'complete';
    });
    const known = async (name: string) => {
      const { customerAttributes } = (await (await c.admin(`profiles?id=${name}`)).json()) as {
        customerAttributes: { source: string; name: string; value: string }[];
      };
      return customerAttributes.map((one) => `${one.source}.${one.name}=${one.value}`);
    };
    expect(await known(`crm:${id}`)).toEqual(['crm.tier=gold']);
    const thirdPartyId = fresh('member');
    await visited(b, { thirdPartyId });
    await visited(c, { thirdPartyId, customerIds });
    expect(await known(thirdPartyId)).toEqual(['crm.tier=gold']);
  });

  test('apply each row of a batch where its profile lives, and create new ones where it was uploaded', async () => {
    const rows: string[] = [];
    const expected = new Map<string, string>();
    for (const edge of [a, b, c]) {
      for (let n = 0; n < 40; n += 1) {
        const id = fresh(`row${n}at${edge.cluster}`);
        await visited(edge, { thirdPartyId: id }, { x: 'before' });
        rows.push(`${id},first`, `${id},${id}`);
        expected.set(id, String(edge.cluster));
      }
    }
    for (let n = 0; n < 20; n += 1) {
      const id = fresh(`new${n}`);
      rows.push(`${id},${id}`);
      expected.set(id, '28');
    }
    const accepted = await b.fetch('/m2/demo/v2/profile/batchUpdate', {
      method: 'POST',
      body: ['batch=thirdPartyId,x', ...rows].join('\n'),
    });
    const batchId = /batchId=([^<]+)</.exec(await accepted.text())![1]!;
    await until('the batch is complete', async () => {
      const { state } = (await (await b.admin(`batches/${batchId}`)).json()) as { state: string };
      return state === 'complete';
    });
    expect(await (await b.admin(`batches/${batchId}`)).json()).toMatchObject({
      consumed: rows.length,
      successful: rows.length,
      failed: 0,
    });
    for (const [id, cluster] of expected) {
      expect(await fetched(a, `thirdPartyId/${id}`)).toEqual({ edge: cluster, x: id });
    }
  });

  test('show who they are, how fast they answer and what they hold', async () => {
    const { edges: seen } = (await (await a.admin('edges')).json()) as {
      edges: { cluster: number; reachable: boolean; roundTripMs: number; profiles: number }[];
    };
    expect(seen.map(({ cluster, reachable }) => [cluster, reachable])).toEqual([
      [17, true],
      [28, true],
      [35, true],
    ]);
    expect(seen[1]!.roundTripMs).toBeGreaterThan(0);
    expect(seen[1]!.profiles).toBe(await profilesAt(b));
    expect(await (await a.fetch('/metrics')).text()).toMatch(
      /quiver_edge_calls_total\{cluster="28",call="state",outcome="answered"\} \d/,
    );
  });

  test('describe the calls between them like every other route', async () => {
    const { paths } = (await (await a.fetch('/openapi.json')).json()) as { paths: Record<string, object> };
    expect(paths['/edge/v1/find']).toMatchObject({ post: { tags: ['Between edge clusters'] } });
    expect(paths['/{client}/target/edges']).toBeDefined();
  });

  test('find a client that only one of them serves, without errors elsewhere', async () => {
    const alone = await startEdges([1, 2], {
      flagsOf: (cluster) => (cluster === 1 ? ['--client', 'demo', '--client', 'acme'] : []),
    });
    try {
      const [one] = alone.clusters as [EdgeCluster];
      for (let n = 0; n < 10; n += 1) {
        expect((await one.fetch('/rest/v1/profiles/nobody?client=acme')).status).toBe(404);
      }
      expect((await one.fetch('/rest/v1/profiles/nobody?client=demo')).status).toBe(404);
    } finally {
      await alone.stop();
    }
  });

  test('accept no other credential for calls between them, and no peer named in a request', async () => {
    const body = JSON.stringify({ client: 'demo', id: { kind: 'tntId', value: 'x' } });
    expect((await a.fetch('/edge/v1/find', { method: 'POST', body })).status).toBe(403);
    const admin = await a.fetch('/edge/v1/find', {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${ADMIN}` },
    });
    expect(admin.status).toBe(403);
  });
});

describe('when one of them is down', () => {
  let edges: EdgeClusters;
  let a: EdgeCluster;
  let b: EdgeCluster;
  let c: EdgeCluster;
  beforeAll(async () => {
    edges = await startEdges(CLUSTERS, { flagsOf: patient });
    [a, b, c] = edges.clusters as [EdgeCluster, EdgeCluster, EdgeCluster];
  });
  afterAll(() => edges?.stop());
  beforeEach(() => until('all answer', async () => (await fetched(a, fresh('nobody'))) === 404));

  test('profiles elsewhere are found, unknown ones are 503, and all works again when it is back', async () => {
    const [atB, atC] = [fresh('person'), fresh('person')];
    await visited(b, { thirdPartyId: atB }, { x: '1' });
    const { tntId } = await visited(c, { thirdPartyId: atC }, { x: '1' });
    await c.kill();
    expect(await fetched(a, `thirdPartyId/${atB}`)).toEqual({ edge: '28', x: '1' });
    for (const path of [`thirdPartyId/${atC}`, tntId, fresh('nobody')]) {
      const reply = await get(a, path);
      expect([path, reply.status]).toEqual([path, 503]);
      expect(reply.headers.get('retry-after')).toBe('1');
      expect(((await reply.json()) as { message: string }).message).toContain('Edge cluster 35');
    }
    expect((await update(a, `mbox3rdPartyId=${atC}&profile.x=2`)).status).toBe(503);
    expect((await update(a, `mbox3rdPartyId=${atB}&profile.x=2`)).status).toBe(200);
    expect((await visit(a, { thirdPartyId: atC }, { x: '3' })).status).toBe(503);
    expect((await visit(a, { tntId, thirdPartyId: atB }, { x: '3' })).status).toBe(503);
    expect((await visit(a, {}, { x: '1' })).status).toBe(200);
    expect(await fetched(b, `thirdPartyId/${atB}`)).toEqual({ edge: '28', x: '2' });
    expect((await a.fetch('/readyz')).status).toBe(200);
    const told = await runQuiver(['edges', '--url', a.url], { env: { QUIVER_TOKEN: ADMIN } });
    expect(told.stderr).toBe('');
    expect(told.stdout).toMatch(/^28 +[0-9.]+ ms +\d+ +\S+ +http/m);
    expect(told.stdout).toMatch(/^35 +- +- +- +http\S+: cluster 35/m);
    expect(told.code).toBe(1);
    await c.restart();
    await until('it is found again', async () => (await get(a, tntId)).status === 200);
    expect(await fetched(a, `thirdPartyId/${atC}`)).toEqual({ edge: '35', x: '1' });
  });
});
