/** Mistakes of a test are refused, and tests do not disturb each other (contract section 13). */

import { describe, expect, onTestFinished, test } from 'vitest';
import type { RunningSandbox, StartSandboxOptions } from './public-types.ts';
import { startSandbox } from './start-sandbox.ts';

const NOW = '2026-01-01T00:00:00.000Z';

async function start(options: StartSandboxOptions = {}): Promise<RunningSandbox> {
  const quiver = await startSandbox({ now: NOW, ...options });
  onTestFinished(() => quiver.close());
  return quiver;
}

const fetched = (quiver: RunningSandbox, client = 'demo') =>
  quiver.fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/crm-1?client=${client}`);

const visited = (quiver: RunningSandbox) =>
  quiver.fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s1`, {
    method: 'POST',
    body: JSON.stringify({ context: { channel: 'web' }, execute: { pageLoad: {} } }),
  });

test.each([
  [{ client: ['demo'] }, 'client: is unknown'],
  [{ clients: 'demo' }, 'clients: must be'],
  [{ ids: 42 }, 'ids: must be'],
  [{ frozen: 'yes' }, 'frozen: must be'],
  [{ port: 99_999 }, 'port: must be'],
  [{ adminToken: '' }, 'adminToken: must'],
  [{ now: new Date(Number.NaN) }, 'now: must be a valid Date'],
  [{ now: '2026-02-30' }, 'now: must be an ISO 8601 time'],
  [{ clients: ['demo'], seed: [{ client: 'shop', tntId: 'a' }] }, 'seed: client "shop" is not served'],
])('the option %j is refused', async (options, message) => {
  await expect(startSandbox(options as never)).rejects.toThrow(message);
});

describe('a sandbox handle refuses', () => {
  test('an invalid time, and the clock stays', async () => {
    const quiver = await start();
    await expect(quiver.clock.set({ now: new Date(Number.NaN) })).rejects.toThrow('now: must be');
    await expect(quiver.clock.set({ time: NOW } as never)).rejects.toThrow('time: is unknown');
    expect(await quiver.clock.now()).toEqual(new Date(NOW));
    await quiver.client();
  });

  test.each([
    [{ thirdPartyID: 'crm-1' }, 'thirdPartyID: is unknown'],
    [{ route: 'fetches' }, 'route: must be'],
    [{ thirdPartyId: 4711 }, 'thirdPartyId: must be'],
  ])('the filter %j, which matches no call', async (filter, message) => {
    const quiver = await start();
    await expect(quiver.requests.expect(filter as never, { times: 0 })).rejects.toThrow(message);
    await expect(quiver.requests.count(filter as never)).rejects.toThrow(message);
  });

  test('an expectation without a filter', async () => {
    const quiver = await start();
    await fetched(quiver);
    const twice = quiver.requests.expect({ route: 'fetch' }, { time: 2 } as never);
    await expect(twice).rejects.toThrow('time: is unknown');
  });

  test('a profile or a fault for a client that is not served', async () => {
    const quiver = await start({ clients: ['demo'] });
    await expect(quiver.seed([{ client: 'shop', tntId: 'a' }])).rejects.toThrow('is not served');
    await expect(quiver.faults.add({ route: 'fetch', client: 'shop' })).rejects.toThrow('is not served');
  });
});

test('an expectation of fewer calls shows the last of them', async () => {
  const quiver = await start();
  await fetched(quiver);
  await fetched(quiver);
  await expect(quiver.requests.expect({ route: 'fetch' }, { times: 1 })).rejects.toThrow(
    'found 2 among 2\nthe last of them: fetch: GET /rest/v1/profiles/thirdPartyId/crm-1?client=demo → 404',
  );
});

test('a fault by probability hits the same calls in each test', async () => {
  const quiver = await start();
  const struck = async (client?: string) => {
    await quiver.faults.add({ route: 'fetch', probability: 0.5, ...(client && { client }) });
    const statuses: number[] = [];
    for (let call = 0; call < 20; call += 1) statuses.push((await fetched(quiver, client)).status);
    return statuses;
  };
  const first = await struck();
  expect(new Set(first).size).toBe(2);
  await quiver.reset();
  expect(await struck()).toEqual(first);
  await quiver.reset();
  expect(await struck('shop')).toEqual(first);
});

test('visits that a fault delays count as simultaneous, and a fault elsewhere lifts no limit', async () => {
  const quiver = await start();
  await quiver.weather({ callsASession: 2 });
  await quiver.faults.add({ route: 'update', client: 'other' });
  const delay = await quiver.faults.add({ route: 'visit', delayMs: 50 });
  const replies = await Promise.all([visited(quiver), visited(quiver), visited(quiver)]);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 420]);
  await delay.remove();
  expect((await visited(quiver)).status).toBe(200);
});
