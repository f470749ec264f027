/** The sandbox over HTTP (contract section 13). */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunningSandbox } from './public-types.ts';
import { startSandbox } from './start-sandbox.ts';

let quiver: RunningSandbox;

beforeEach(async () => {
  quiver = await startSandbox({ clients: ['demo', 'acme'], now: '2026-01-01T00:00:00Z' });
});
afterEach(() => quiver.close());

async function ask(method: string, path: string, body?: unknown) {
  const answer = await fetch(`${quiver.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${quiver.adminToken}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, text, json: /^\{/.test(text) ? JSON.parse(text) : undefined };
}

const plan = async (client = 'demo') => {
  const { status, json } = await ask('GET', `/rest/v1/profiles/thirdPartyId/crm-1?client=${client}`);
  return status === 200 ? json.profileAttributes.plan.value : status;
};

test('every route needs the admin token', async () => {
  const { json } = await ask('GET', '/openapi.json');
  const routes = Object.entries<object>(json.paths).filter(([path]) => path.startsWith('/sandbox'));
  expect(routes.length).toBeGreaterThan(12);
  for (const [path, methods] of routes) {
    for (const method of Object.keys(methods)) {
      const called = path.replaceAll(/\{\w+\}/g, 'x');
      const { status } = await fetch(`${quiver.url}${called}`, { method: method.toUpperCase() });
      expect([path, status]).toEqual([path, 401]);
    }
  }
});

test('the state can be seeded, and reset to the seed or to nothing, for one client or all', async () => {
  const lines = '{"thirdPartyId":"crm-1","attributes":{"plan":"gold"}}\n';
  expect((await ask('POST', '/sandbox/profiles', lines)).status).toBe(204);
  expect((await ask('POST', '/sandbox/profiles?client=acme', lines)).status).toBe(204);
  await ask('GET', '/m2/demo/profile/update?client=demo&mbox3rdPartyId=crm-1&profile.plan=blue');
  await ask('GET', '/m2/acme/profile/update?client=acme&mbox3rdPartyId=crm-1&profile.plan=blue');
  expect((await ask('DELETE', '/sandbox/state?client=demo')).status).toBe(204);
  expect([await plan(), await plan('acme')]).toEqual(['gold', 'blue']);
  await ask('DELETE', '/sandbox/state?seed=no');
  expect([await plan(), await plan('acme')]).toEqual([404, 404]);
});

test('a snapshot can be used as a seed', async () => {
  const seed = [
    {
      tntId: ['a', 'b'],
      thirdPartyId: 'crm-1',
      ecid: '1'.repeat(38),
      customerIds: { 'c:rm': '7' },
      attributes: { plan: 'gold' },
    },
  ];
  await ask('POST', '/sandbox/profiles', seed);
  expect((await ask('PUT', '/sandbox/snapshots/all')).status).toBe(204);
  const listed = (await ask('GET', '/sandbox/snapshots')).json;
  expect(listed.snapshots).toContainEqual({ name: 'all', client: 'demo' });
  const { text } = await ask('GET', '/sandbox/snapshots/all');
  const [line] = text.split('\n');
  expect(JSON.parse(line!)).toEqual({ client: 'demo', ...seed[0], modifiedAt: '2026-01-01T00:00:00.000Z' });
  await ask('DELETE', '/sandbox/state?seed=no');
  expect(await plan()).toBe(404);
  expect((await ask('POST', '/sandbox/profiles', text)).status).toBe(204);
  expect(await plan()).toBe('gold');
  await ask('DELETE', '/sandbox/state?seed=no');
  expect((await ask('POST', '/sandbox/snapshots/all/restore')).status).toBe(204);
  expect(await plan()).toBe('gold');
  expect((await ask('DELETE', '/sandbox/snapshots/all')).status).toBe(204);
  expect((await ask('POST', '/sandbox/snapshots/all/restore')).status).toBe(400);
});

test('the clock moves for one client or for all, including clients named later', async () => {
  await ask('PUT', '/sandbox/clock?client=acme', { now: '2027-01-01T00:00:00Z' });
  expect((await ask('POST', '/sandbox/clock/advance', { by: 'P1D' })).json).toEqual({
    now: '2026-01-02T00:00:00.000Z',
    frozen: true,
  });
  expect((await ask('GET', '/sandbox/clock?client=acme')).json.now).toBe('2027-01-02T00:00:00.000Z');
  const late = await quiver.client();
  expect((await ask('GET', `/sandbox/clock?client=${late.code}`)).json.now).toBe('2026-01-02T00:00:00.000Z');
});

test('faults are added, counted and removed', async () => {
  const { status, json } = await ask('POST', '/sandbox/faults', {
    route: 'fetch',
    status: 500,
    body: '{"a":1}',
  });
  expect([status, json]).toEqual([201, { id: 'fault-1', hits: 0 }]);
  const struck = await ask('GET', '/rest/v1/profiles/x?client=demo');
  expect([struck.status, struck.json]).toEqual([500, { a: 1 }]);
  expect((await ask('GET', '/sandbox/faults')).json.faults).toMatchObject([{ route: 'fetch', hits: 1 }]);
  expect((await ask('DELETE', '/sandbox/faults/fault-1')).status).toBe(204);
  expect((await ask('GET', '/rest/v1/profiles/x?client=demo')).status).toBe(404);
});

test('the journal is filtered, counted, streamed, written as HAR, and emptied', async () => {
  const stream = await fetch(`${quiver.url}/sandbox/requests/stream`, {
    headers: { authorization: `Bearer ${quiver.adminToken}` },
  });
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  await ask('GET', '/rest/v1/profiles/one?client=demo');
  await ask('GET', '/rest/v1/profiles/two?client=acme');
  let streamed = '';
  while (!streamed.includes('profiles/two')) streamed += (await reader.read()).value;
  expect(streamed).toContain('event: call\ndata: {"id":1,');
  await reader.cancel();
  expect((await ask('GET', '/sandbox/requests/count?client=demo')).json).toEqual({ count: 1 });
  const { requests } = (await ask('GET', '/sandbox/requests?since=1&route=fetch&status=404')).json;
  expect(requests).toMatchObject([{ id: 2, client: 'acme', ids: [{ kind: 'tntId', value: 'two' }] }]);
  const unmatched = (await ask('GET', '/sandbox/requests/unmatched?id=one')).json.requests;
  expect(unmatched).toMatchObject([{ reason: 'No profile found for client demo with mboxPC=one' }]);
  const har = (await ask('GET', '/sandbox/requests?format=har&limit=1')).json;
  expect(har.log.entries).toHaveLength(1);
  await ask('DELETE', '/sandbox/requests');
  expect((await ask('GET', '/sandbox/requests/count')).json).toEqual({ count: 0 });
});

test('an open stream does not keep the sandbox from closing', async () => {
  const stream = await fetch(`${quiver.url}/sandbox/requests/stream`, {
    headers: { authorization: `Bearer ${quiver.adminToken}` },
  });
  await quiver.close();
  await stream.text().catch(() => undefined);
});

test('the overview shows everything', async () => {
  await ask('PUT', '/sandbox/weather?client=acme', { preset: 'adobe' });
  const { json } = await ask('GET', '/sandbox');
  expect(json).toMatchObject({ anyClient: false, ids: 'random', faults: [] });
  expect(json.clients).toMatchObject([
    { client: 'demo', weather: { callsAMinute: null } },
    { client: 'acme', weather: { callsAMinute: 50 } },
  ]);
});

describe('bad input is a 400 with member and rule, and changes nothing', () => {
  test.each([
    ['POST', '/sandbox/faults', {}, 'route: must be given'],
    ['PUT', '/sandbox/weather', { rain: 1 }, 'rain: is unknown'],
    ['PUT', '/sandbox/weather', { lostRows: 2 }, 'lostRows: must be at most 1'],
    ['POST', '/sandbox/clock/advance', { by: '15 days' }, 'by: must be an ISO 8601 duration'],
    ['POST', '/sandbox/clock/advance', { by: 'P1M' }, 'by: must be an ISO 8601 duration'],
    ['POST', '/sandbox/clock/advance', {}, 'by: must be given'],
    ['PUT', '/sandbox/clock', { now: 'noon' }, 'now: must be an ISO 8601 time'],
    ['POST', '/sandbox/snapshots/none/restore', undefined, 'name: there is no snapshot'],
    ['PUT', '/sandbox/snapshots/a%20b', undefined, 'name: must have 1 to 64 characters'],
    ['POST', '/sandbox/profiles', '[{"tntId":"a"},{"tntId":]', 'seed: line 1, column 25: must be valid JSON'],
    ['POST', '/sandbox/profiles?client=nobody', '[]', 'client: "nobody" is not served'],
    ['DELETE', '/sandbox/state?seed=maybe', undefined, 'seed: must be yes or no'],
    ['GET', '/sandbox/requests?limit=0', undefined, 'limit: must be a whole number from 1 to 1000'],
    ['GET', '/sandbox/requests?route=batches', undefined, 'route: must be one of'],
    ['DELETE', '/sandbox/state?clinet=demo', undefined, 'clinet: is unknown'],
    ['GET', '/sandbox/requests/count?routes=visit', undefined, 'routes: is unknown'],
    ['PUT', '/sandbox/clock', { now: '2026-02-30T00:00:00Z' }, 'now: must be an ISO 8601 time'],
    ['DELETE', '/sandbox/faults/none', undefined, 'id: there is no fault'],
  ])('for %s %s %j', async (method, path, body, message) => {
    const before = (await ask('GET', '/sandbox')).text;
    const { status, json } = await ask(method, path, body);
    expect(json.errors[0].message).toContain(message);
    expect(status).toBe(400);
    expect((await ask('GET', '/sandbox')).text).toBe(before);
  });
});
