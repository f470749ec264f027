/**
 * What Quiver knows of a visitor in addition to the attributes, with the clock and the weather of a
 * sandbox (contract sections 13 to 17).
 */

import { afterEach, expect, test } from 'vitest';
import type { RunningSandbox } from './public-types.ts';
import { startSandbox } from './start-sandbox.ts';

let quiver: RunningSandbox;
afterEach(() => quiver.close());

async function start(): Promise<void> {
  quiver = await startSandbox({ now: '2026-01-01T00:00:00.000Z', clients: ['demo'] });
}

const ask = async (path: string, init: RequestInit = {}) => {
  const headers = { authorization: `Bearer ${quiver.adminToken}`, ...init.headers };
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of each member
  return (await (await fetch(quiver.url + path, { ...init, headers })).json()) as any;
};
const look = (id: object, categories?: string) =>
  ask('/rest/v1/delivery?client=demo&sessionId=s', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      id,
      context: { channel: 'web' },
      execute: { pageLoad: { ...(categories && { parameters: { 'user.categoryId': categories } }) } },
    }),
  });
const view = (id: string) => ask(`/demo/target/profiles?id=${encodeURIComponent(id)}`);
const scores = async (id: string) =>
  (await view(id)).categoryAffinities.map(
    (one: { category: string; score: number }) => `${one.category} ${one.score}`,
  );

test('sessions end by the clock and halve the scores once', async () => {
  await start();
  await look({ tntId: 'a' }, 'shoes');
  await quiver.clock.advance('PT29M59S');
  expect(await scores('a')).toEqual(['shoes 10']);
  await quiver.clock.advance('PT1S');
  expect(await scores('a')).toEqual(['shoes 5']);
  await quiver.clock.advance('P10D');
  await look({ tntId: 'a' }, 'hats');
  expect(await scores('a')).toEqual(['hats 5', 'shoes 4']);
  expect((await view('a')).session).toMatchObject({ number: 2, start: '2026-01-11T00:30:00.000Z' });
});

test('a delayed merge counts no category again and is not a call', async () => {
  await start();
  await quiver.weather({ mergesVisibleAfter: 'PT20M' });
  await look({ tntId: 'a' }, 'shoes');
  await look({ thirdPartyId: 'p' });
  await look({ tntId: 'a', thirdPartyId: 'p' }, 'hats');
  await quiver.clock.advance('PT20M');
  expect(await scores('p')).toEqual(['hats 10', 'shoes 10']);
  expect((await view('p')).session.lastCall).toBe('2026-01-01T00:00:00.000Z');
});

test('a batch that replaces an earlier one leaves customer attributes unchanged', async () => {
  await start();
  await quiver.weather({ batchOverrides: true });
  const applied = async (path: string, body: string) => {
    const { batchId } = await ask(path, { method: 'POST', body });
    await expect.poll(async () => (await ask(`/demo/target/batches/${batchId}`)).state).toBe('complete');
  };
  await applied('/demo/target/batches', 'batch=thirdPartyId,a\n1,x\n');
  await applied('/demo/target/customer-attributes/crm?ids=thirdPartyId', 'id,tier\n1,gold\n');
  await applied('/demo/target/customer-attributes/crm', 'id,city\n1,Rome\n');
  const { attributes, customerAttributes } = await view('1');
  expect(attributes.map((one: { name: string }) => one.name)).toEqual(['a']);
  expect(customerAttributes.map((one: { name: string }) => one.name)).toEqual(['tier', 'city']);
});

test('a snapshot contains visitor state', async () => {
  await start();
  await look({ tntId: 'a' }, 'shoes,hats');
  await quiver.snapshot('before');
  await look({ tntId: 'a' }, 'coats');
  await quiver.restore('before');
  expect(await scores('a')).toEqual(['shoes 9', 'hats 5']);
});
