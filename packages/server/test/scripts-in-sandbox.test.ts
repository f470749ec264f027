/**
 * Profile scripts of the kinds that Adobe shows, over sessions and devices, with the clock of a
 * sandbox (contract sections 13 to 16).
 */

import { expect, test } from 'vitest';
import { startSandbox } from '../src/sandbox/start-sandbox.ts';
import type { Json } from './in-process.ts';

const SCRIPTS = {
  frequency: "if (user.isNewSession) return (user.get('frequency') || 0) + 1;",
  recency: 'return user.daysSinceLastVisit;',
  group: "if (!user.get('group')) return ['A', 'B', 'C', 'D'][Math.floor(Math.random() * 4)];",
  value: "if (mbox.param('orderTotal')) return (user.get('value') || 0) + Number(mbox.param('orderTotal'));",
  best: "return user.categoryAffinity || 'none';",
  products: `var bought = user.get('products') || [];
    var ids = mbox.param('productPurchasedId');
    if (ids) return bought.concat(ids.split(',')).slice(-4);`,
};

test('frequency, recency, groups, order value, categories and lists follow one person', async () => {
  await using quiver = await startSandbox({ clients: ['demo'], now: '2026-01-01T00:00:00Z', ids: 'seed:1' });
  const ask = async (path: string, init: RequestInit = {}): Promise<Json> => {
    const headers = { authorization: `Bearer ${quiver.adminToken}`, 'content-type': 'application/json' };
    const reply = await fetch(quiver.url + path, { ...init, headers });
    expect([path, reply.status]).toEqual([path, 200]);
    return reply.json();
  };
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await ask(`/demo/target/scripts/${name}`, { method: 'PUT', body: JSON.stringify({ script }) });
  }
  const visit = (id: object, mbox: object = {}) =>
    ask('/rest/v1/delivery?client=demo&sessionId=s', {
      method: 'POST',
      body: JSON.stringify({
        id,
        context: { channel: 'web' },
        execute: { mboxes: [{ index: 0, name: 'home', ...mbox }] },
      }),
    });
  const values = async (path: string) => {
    const { profileAttributes } = await ask(`/rest/v1/profiles/${path}?client=demo`);
    return Object.fromEntries(
      Object.entries(profileAttributes).flatMap(([name, { value }]: [string, Json]) =>
        name.startsWith('user.') ? [[name.slice(5), value]] : [],
      ),
    );
  };
  const category = (names: string) => ({ parameters: { 'user.categoryId': names } });

  await visit({ tntId: 'phone' }, category('mens-clothing, accessories'));
  const first = await values('phone');
  expect(first).toEqual({
    ...{ frequency: '1.0', recency: '0.0', best: 'mens-clothing', group: expect.stringMatching(/^[ABCD]$/) },
  });
  await quiver.clock.advance('PT29M');
  await visit({ tntId: 'phone' }, { order: { id: 'o1', total: 20.5, purchasedProductIds: ['p1', 'p2'] } });
  expect(await values('phone')).toEqual({ ...first, value: '20.5', products: '[p1, p2]' });

  await quiver.clock.advance('P3D');
  await visit({ tntId: 'phone', thirdPartyId: 'crm-1' }, category('jewelry'));
  expect(await values('phone')).toMatchObject({ frequency: '2.0', recency: '3.0', group: first.group });

  await quiver.clock.advance('P1D');
  await visit({ tntId: 'desk', thirdPartyId: 'crm-1' }, category('jewelry, jewelry'));
  await visit(
    { tntId: 'desk', thirdPartyId: 'crm-1' },
    { order: { id: 'o2', total: 10, purchasedProductIds: ['p3', 'p4', 'p5'] } },
  );
  for (const path of ['phone', 'desk', 'thirdPartyId/crm-1']) {
    expect(await values(path)).toEqual({
      ...{ frequency: '3.0', recency: '1.0', group: first.group, value: '30.5' },
      ...{ best: 'jewelry', products: '[p2, p3, p4, p5]' },
    });
  }

  await quiver.clock.advance('P14D');
  await visit({ tntId: 'phone' });
  expect(await values('phone')).toMatchObject({ frequency: '1.0', recency: '0.0', best: 'none' });
  expect(await values('phone')).not.toHaveProperty('value');
});
