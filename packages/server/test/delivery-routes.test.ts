/** Delivery and the legacy mbox call (contract sections 3, 7 and 8). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InProcess, openInProcess } from './in-process.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DELIVERY = '/rest/v1/delivery?client=demo&sessionId=s1';
const web = { channel: 'web' };

let quiver: InProcess;
beforeAll(async () => {
  quiver = await openInProcess();
});
afterAll(() => quiver.close());

describe('a Delivery request', () => {
  test('without an id gets a new tntId, without a hint', async () => {
    const answer = await quiver.ask('POST', DELIVERY, { body: { context: web } });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      status: 200,
      requestId: expect.stringMatching(UUID),
      client: 'demo',
      id: { tntId: expect.stringMatching(/^[0-9a-f]{32}$/) },
    });
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('x-quiver-edge')).toBe('1');
    const other = await quiver.ask('POST', DELIVERY, { body: { context: web } });
    expect(other.json.id.tntId).not.toBe(answer.json.id.tntId);
  });

  test('gets all ids back, and the same lists with index and name and with empty options', async () => {
    const customerIds = [
      { id: 'c1', integrationCode: 'crm', authenticatedState: 'authenticated', more: [1] },
    ];
    const answer = await quiver.ask('POST', DELIVERY, {
      body: {
        requestId: 'my-request',
        id: { tntId: 'v1.28_20', thirdPartyId: 'p1', marketingCloudVisitorId: 'e1', customerIds },
        context: { channel: 'mobile', userAgent: 'x', anything: { deep: true } },
        property: { token: 't' },
        unknown: ['let', 'through'],
        execute: {
          pageLoad: { parameters: { a: 1 } },
          mboxes: [
            { index: 3, name: 'a' },
            { name: 'b', index: 1 },
          ],
        },
        prefetch: {
          views: [{ name: 'home', key: 'k' }, {}],
          pageLoad: {},
          mboxes: [{ index: 0, name: 'c' }],
        },
        notifications: [{ id: 'n1', type: 'display', timestamp: 1, mbox: { name: 'a' }, tokens: ['t'] }],
      },
    });
    expect(answer.json).toEqual({
      status: 200,
      requestId: 'my-request',
      client: 'demo',
      id: { tntId: 'v1', thirdPartyId: 'p1', marketingCloudVisitorId: 'e1', customerIds },
      execute: {
        pageLoad: {},
        mboxes: [
          { index: 3, name: 'a', options: [] },
          { name: 'b', index: 1, options: [] },
        ],
      },
      prefetch: {
        views: [{ name: 'home', key: 'k' }, {}],
        pageLoad: {},
        mboxes: [{ index: 0, name: 'c', options: [] }],
      },
      notifications: [{ id: 'n1' }],
    });
  });

  test('stores profile parameters in the order of the contract, where later ones win, and no parameters', async () => {
    const part = (name: string) => ({
      parameters: { not: 'stored' },
      profileParameters: { [name]: name, last: name },
    });
    const body = {
      id: { tntId: 'order' },
      context: web,
      notifications: [{ ...part('notification'), mbox: { name: 'x' } }],
      prefetch: { pageLoad: part('prefetchPage'), views: [part('view')], mboxes: [part('prefetchMbox')] },
      execute: { mboxes: [part('mbox1'), part('mbox2')], pageLoad: part('page') },
    };
    expect((await quiver.ask('POST', DELIVERY, { body })).status).toBe(200);
    expect(await quiver.attributes('order')).toEqual([
      ...['page', 'mbox1', 'mbox2', 'prefetchMbox', 'view', 'prefetchPage', 'notification'].map((name) => [
        name,
        name,
      ]),
      ['last', 'notification'],
    ]);
  });

  test('with only a thirdPartyId or an ECID finds its visitor again, who keeps one tntId', async () => {
    for (const id of [{ thirdPartyId: 'alone' }, { marketingCloudVisitorId: 'alone' }]) {
      const first = await quiver.visit(id, { a: '1' });
      expect(first).toMatch(/^[0-9a-f]{32}$/);
      expect(await quiver.visit(id)).toBe(first);
      expect(await quiver.attributes(first)).toEqual([['a', '1']]);
    }
  });

  test('of a visitor who signs in keeps what the device knew', async () => {
    await quiver.visit({ tntId: 'device' }, { seen: 'shoes' });
    await quiver.visit({ tntId: 'device', thirdPartyId: 'anna' }, { name: 'Anna' });
    expect(await quiver.attributes('thirdPartyId/anna')).toEqual([
      ['seen', 'shoes'],
      ['name', 'Anna'],
    ]);
  });

  test('takes the first authenticated customer id as the name of a person', async () => {
    const entry = (id: string, integrationCode: string | null, authenticatedState: string | null) => {
      return { id, integrationCode, authenticatedState };
    };
    const others = [
      entry('nobody', 'crm', 'unknown'),
      entry('nobody', 'crm', 'logged_out'),
      entry('nobody', 'crm', null),
      entry('nobody', null, 'authenticated'),
      entry('nobody', '', 'authenticated'),
    ];
    const none = await quiver.visit({ customerIds: others }, { who: 'nobody' });
    const otherNone = await quiver.visit({ customerIds: others }, {});
    expect(otherNone).not.toBe(none);
    const bea = [...others, entry('bea', 'crm', 'authenticated'), entry('anna', 'crm', 'authenticated')];
    const phone = await quiver.visit({ customerIds: bea }, { name: 'Bea' });
    expect(await quiver.visit({ customerIds: bea }, {})).toBe(phone);
    const anna = [entry('anna', 'crm', 'authenticated')];
    await quiver.visit({ tntId: phone, customerIds: anna }, { name: 'Anna' });
    expect(await quiver.attributes(phone)).toEqual([['name', 'Anna']]);
    await quiver.visit({ tntId: 'laptop', customerIds: bea }, {});
    expect(await quiver.attributes('laptop')).toEqual([['name', 'Bea']]);
    const elsewhere = await quiver.visit({ customerIds: [entry('bea', 'CRM', 'authenticated')] }, {});
    expect(await quiver.attributes(elsewhere)).toEqual([]);
  });

  test('with a customer id and a thirdPartyId names one person', async () => {
    const customerIds = [{ id: 'cleo', integrationCode: 'crm', authenticatedState: 'authenticated' }];
    await quiver.visit({ customerIds }, { plan: 'gold' });
    await quiver.visit({ customerIds, thirdPartyId: 'cleo-3' }, {});
    expect(await quiver.attributes('thirdPartyId/cleo-3')).toEqual([['plan', 'gold']]);
  });

  test('as a beacon is stored and answered with 204 and no body', async () => {
    const body = {
      id: { tntId: 'beacon' },
      context: { ...web, beacon: true },
      execute: { pageLoad: { profileParameters: { b: '1' } } },
    };
    const answer = await quiver.ask('POST', DELIVERY, { body });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await quiver.attributes('beacon')).toEqual([['b', '1']]);
  });

  test('may have any content type, because pages send text/plain to avoid a preflight', async () => {
    const answer = await quiver.ask('POST', DELIVERY, {
      headers: { 'content-type': 'text/plain' },
      body: { context: web },
    });
    expect(answer.status).toBe(200);
  });

  test('may have null for optional members', async () => {
    const body = {
      requestId: null,
      id: null,
      property: null,
      context: web,
      execute: { pageLoad: null, mboxes: null },
      prefetch: null,
      notifications: null,
    };
    expect((await quiver.ask('POST', DELIVERY, { body })).status).toBe(200);
  });

  test('may use the limits exactly', async () => {
    const profileParameters = Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [`${'n'.repeat(126)}${n + 10}`, '😀'.repeat(256)]),
    );
    const mboxes = Array.from({ length: 50 }, (_, index) => ({
      index,
      name: `m${index}`,
      profileParameters: { m: '1' },
    }));
    const answer = await quiver.ask('POST', `/rest/v1/delivery?sessionId=${'s'.repeat(128)}`, {
      body: {
        id: { tntId: `${'t'.repeat(100)}.${'1'.repeat(27)}`, thirdPartyId: 'p'.repeat(256) },
        context: web,
        execute: { mboxes },
        prefetch: { mboxes, pageLoad: { profileParameters } },
      },
    });
    expect(answer.status).toBe(200);
    expect(answer.json.execute.mboxes).toHaveLength(50);
  });
});

describe('the location hints of a tntId', () => {
  test.each([
    ['none', /^[0-9a-f]{32}$/, 'known', undefined],
    ['cluster', /^[0-9a-f]{32}\.28$/, 'known.28', undefined],
    ['adobe', /^[0-9a-f]{32}\.28_20$/, 'known.28_20', 'mboxedge28.tt.omtrdc.net'],
  ] as const)('follow the setting %s', async (locationHint, fresh, known, edgeHost) => {
    const hinting = await openInProcess({ locationHint, cluster: 28, node: 20 });
    try {
      const first = await hinting.ask('POST', DELIVERY, { body: { context: web } });
      expect(first.json.id.tntId).toMatch(fresh);
      expect(first.json.edgeHost).toBe(edgeHost);
      for (const sent of ['known', 'known.17', 'known.3_4'])
        expect(await hinting.visit({ tntId: sent })).toBe(known);
      const mbox = await hinting.ask('POST', '/rest/v1/mbox/s1', { body: { tntId: 'known.5' } });
      expect(mbox.json.tntId).toBe(known);
    } finally {
      await hinting.close();
    }
  });
});

describe('a legacy mbox call', () => {
  test('records a visit and answers without content', async () => {
    const answer = await quiver.ask('POST', '/rest/v1/mbox/my%2Dsession?client=demo', {
      body: {
        mbox: 'home',
        tntId: 'legacy',
        thirdPartyId: 'legacy-person',
        marketingCloudVisitorId: 'legacy-ecid',
        profileParameters: { a: '1' },
        mboxParameters: { no: 1 },
      },
    });
    expect([answer.status, answer.json]).toEqual([
      200,
      { sessionId: 'my-session', tntId: 'legacy', thirdPartyId: 'legacy-person', content: '' },
    ]);
    for (const path of ['legacy', 'thirdPartyId/legacy-person', 'marketingCloudVisitorId/legacy-ecid']) {
      expect(await quiver.attributes(path)).toEqual([['a', '1']]);
    }
  });

  test('without an id gets a new tntId', async () => {
    const answer = await quiver.ask('POST', '/rest/v1/mbox/s2', { body: { mbox: 'home' } });
    expect(answer.json).toEqual({
      sessionId: 's2',
      tntId: expect.stringMatching(/^[0-9a-f]{32}$/),
      content: '',
    });
  });
});

test('a visit that would exceed a limit of linking is refused by name and changes nothing', async () => {
  const small = await openInProcess({ limits: { ids: 3, mergedBytes: 65_536 } });
  try {
    const deliver = (id: object, values: object = {}) =>
      small.ask('POST', '/rest/v1/delivery?client=demo&sessionId=s1', {
        body: JSON.stringify({
          id,
          context: { channel: 'web' },
          execute: { pageLoad: { profileParameters: values } },
        }),
        headers: { 'content-type': 'application/json' },
      });
    for (const tntId of ['a', 'b']) await deliver({ tntId, thirdPartyId: 'p' });
    const refused = await deliver({ tntId: 'c', thirdPartyId: 'p' }, { x: '1' });
    expect([refused.status, refused.text]).toEqual([
      400,
      '{"status":400,"message":"id: the profile has as many ids as this server allows one to have"}',
    ]);
    expect((await small.ask('GET', '/rest/v1/profiles/c?client=demo')).status).toBe(404);
    expect((await small.ask('GET', '/rest/v1/profiles/thirdPartyId/p?client=demo')).text).not.toContain(
      '"x"',
    );
    expect((await deliver({ tntId: 'a', thirdPartyId: 'p' })).status).toBe(200);
  } finally {
    await small.close();
  }
});
