/**
 * `checking: strict`: a 400 wherever the description of Adobe's Delivery API has a rule (contract
 * section 7).
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, openInProcess } from './in-process.ts';

const DELIVERY = '/rest/v1/delivery?sessionId=s1';
const web = { channel: 'web' };
const mbox = { index: 0, name: 'home' };
const notification = { id: 'n1', type: 'display', timestamp: 1, mbox: { name: 'home' } };
const inMbox = (details: object) => ({ context: web, execute: { mboxes: [{ ...mbox, ...details }] } });
const notifying = (changes: object) => ({ context: web, notifications: [{ ...notification, ...changes }] });
const BOX = 'execute.mboxes[0]';

/** What a client of Adobe might send, and would be answered with a 400. */
const REFUSED: [string, object, string][] = [
  [
    'an mbox without index',
    { context: web, execute: { mboxes: [{ name: 'a' }] } },
    `${BOX}.index: must be given`,
  ],
  [
    'an mbox without name',
    { context: web, prefetch: { mboxes: [{ index: 1 }] } },
    'prefetch.mboxes[0].name: must be given',
  ],
  ['a blank name', inMbox({ name: ' ' }), `${BOX}.name: must not be blank`],
  [
    'a name of 251 characters',
    inMbox({ name: 'n'.repeat(251) }),
    `${BOX}.name: must have at most 250 characters`,
  ],
  [
    'an index twice',
    { context: web, execute: { mboxes: [mbox, mbox] } },
    'execute.mboxes: must not have the index 0 twice',
  ],
  ['51 parameters', inMbox({ parameters: many(51) }), `${BOX}.parameters: must have at most 50 members`],
  [
    'a parameter of an order',
    inMbox({ parameters: { orderId: '1' } }),
    `${BOX}.parameters: the name "orderId" belongs to orders`,
  ],
  [
    'a long parameter',
    inMbox({ parameters: { a: 'v'.repeat(5001) } }),
    `${BOX}.parameters: the value of "a" must have at most 5000 characters`,
  ],
  [
    'a parameter that is a list',
    inMbox({ parameters: { a: [] } }),
    `${BOX}.parameters: the value of "a" must be a string`,
  ],
  [
    'a long URL',
    { context: { ...web, address: { url: 'u'.repeat(4097) } } },
    'context.address.url: must have at most 4096 characters',
  ],
  [
    'a long referrer',
    inMbox({ address: { referringUrl: 'u'.repeat(4097) } }),
    `${BOX}.address.referringUrl: must have at most 4096 characters`,
  ],
  [
    'an order id of 251 characters',
    inMbox({ order: { id: 'o'.repeat(251) } }),
    `${BOX}.order.id: must have at most 250 characters`,
  ],
  ['a negative total', inMbox({ order: { total: -1 } }), `${BOX}.order.total: must be at least 0`],
  [
    'a blank product',
    inMbox({ order: { purchasedProductIds: ['a', ' '] } }),
    `${BOX}.order.purchasedProductIds[1]: must not be blank`,
  ],
  [
    'products of 251 characters',
    inMbox({ order: { purchasedProductIds: ['p'.repeat(125), 'p'.repeat(125)] } }),
    `${BOX}.order.purchasedProductIds: must have at most 250 characters together`,
  ],
  [
    'a time that is none',
    inMbox({ order: { time: 'noon' } }),
    `${BOX}.order.time: must be a time as ISO 8601 writes it`,
  ],
  [
    'a product id of 129 characters',
    inMbox({ product: { id: 'p'.repeat(129) } }),
    `${BOX}.product.id: must have at most 128 characters`,
  ],
  [
    'a long view name',
    { context: web, prefetch: { views: [{ name: 'v'.repeat(129) }] } },
    'prefetch.views[0].name: must have at most 128 characters',
  ],
  ['a notification without id', notifying({ id: undefined }), 'notifications[0].id: must be given'],
  ['a notification without type', notifying({ type: undefined }), 'notifications[0].type: must be given'],
  ['another type', notifying({ type: 'hover' }), 'notifications[0].type: must be "click" or "display"'],
  [
    'a notification without timestamp',
    notifying({ timestamp: null }),
    'notifications[0].timestamp: must be a number',
  ],
  [
    'an mbox and a view',
    notifying({ view: { name: 'v' } }),
    'notifications[0]: must name an mbox or a view, not both',
  ],
  ['a property without token', { context: web, property: {} }, 'property.token: must be given'],
  [
    'another platform',
    { context: { channel: 'mobile', mobilePlatform: { deviceType: 'phone', platformType: 'web' } } },
    'context.mobilePlatform.platformType: must be "android" or "ios"',
  ],
  [
    'a country of three letters',
    { context: { ...web, geo: { countryCode: 'DEU' } } },
    'context.geo.countryCode: must have at most 2 characters',
  ],
  [
    'another logging',
    { context: web, experienceCloud: { analytics: { logging: 'both' } } },
    'experienceCloud.analytics.logging: must be "server_side" or "client_side"',
  ],
  [
    'a customer id without alias',
    { context: web, id: { customerIds: [{ id: 'a' }] } },
    'id.customerIds[0].integrationCode: must be given',
  ],
];

const MORE: [string, object, string][] = [
  [
    'a number as parameter',
    inMbox({ parameters: { a: 1 } }),
    `${BOX}.parameters: the value of "a" must be a string`,
  ],
  [
    'a number as profile parameter',
    inMbox({ profileParameters: { a: 1 } }),
    `${BOX}.profileParameters: the value of "a" must be a string`,
  ],
  ['an index beyond 32 bits', inMbox({ index: 3_000_000_000 }), `${BOX}.index: must be at most 2147483647`],
  [
    'a negative experience',
    inMbox({ order: { experienceLocalId: -1 } }),
    `${BOX}.order.experienceLocalId: must be at least 0`,
  ],
  [
    'a click suffix',
    notifying({ mbox: { name: 'a-clicked' } }),
    'notifications[0].mbox.name: must not end in "-clicked"',
  ],
  [
    'a name that is kept',
    notifying({ mbox: { name: 'any mbox' } }),
    'notifications[0].mbox.name: is a name that Adobe keeps for itself',
  ],
  [
    'a quote in a name',
    notifying({ mbox: { name: 'a"b' } }),
    'notifications[0].mbox.name: has a character that mbox names must not have',
  ],
  [
    'no address',
    { context: { ...web, geo: { ipAddress: '999' } } },
    'context.geo.ipAddress: must be an IP address',
  ],
  [
    'a host that is a number',
    { context: { ...web, browser: { host: 5 } } },
    'context.browser.host: must be a string',
  ],
  [
    'a hint that is no boolean',
    { context: { ...web, clientHints: { mobile: 'x' } } },
    'context.clientHints.mobile: must be true or false',
  ],
  [
    'another mode',
    { context: web, telemetry: { entries: [{ mode: 'x' }] } },
    'telemetry.entries[0].mode: must be "edge" or "local"',
  ],
  [
    'no preview index',
    { context: web, qaMode: { previewIndexes: [] } },
    'qaMode.previewIndexes: must not be empty',
  ],
  [
    'a preview token that is a number',
    { context: web, preview: { token: 5 } },
    'preview.token: must be a string',
  ],
];

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, '1']));
}

let quiver: InProcess;
beforeAll(async () => {
  quiver = await openInProcess();
  await quiver.ask('PATCH', '/demo/target/clients/settings', {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: { checking: 'strict' },
  });
});
afterAll(() => quiver.close());

describe('strict checking refuses what lenient checking accepts', () => {
  test.each([...REFUSED, ...MORE])('in the case: %s', async (_, body, message) => {
    quiver.changes.length = 0;
    const strict = await quiver.ask('POST', `${DELIVERY}&client=demo`, { body });
    expect([strict.status, strict.json.message]).toEqual([400, message]);
    expect(quiver.changes).toEqual([]);
    // The other client has the default.
    expect((await quiver.ask('POST', `${DELIVERY}&client=acme`, { body })).status).toBe(200);
  });

  test.each<[string, string, object, string]>([
    ['POST', '/rest/v1/mbox/s1', { mbox: 'm'.repeat(251) }, 'mbox: must have at most 250 characters'],
    ['GET', `/m2/CLIENT/mbox/json?mbox=${'m'.repeat(251)}`, {}, 'mbox: must have at most 250 characters'],
    [
      'POST',
      '/rest/v2/batchmbox?sessionId=s1',
      { mboxes: [{ mbox: 'a' }] },
      'mboxes[0].indexId: must be given',
    ],
    [
      'POST',
      '/rest/v2/batchmbox?sessionId=s1',
      {
        mboxes: [
          { mbox: 'a', indexId: 1 },
          { mbox: 'b', indexId: 1 },
        ],
      },
      'mboxes: must not have the index 1 twice',
    ],
  ])('in the older form %s %s', async (method, path, body, message) => {
    const ask = (client: string) => {
      const target = `${path.replace('CLIENT', client)}${path.includes('?') ? '&' : '?'}client=${client}`;
      return quiver.ask(method, target, method === 'POST' ? { body } : {});
    };
    const strict = await ask('demo');
    expect([strict.status, strict.json.message]).toEqual([400, message]);
    expect((await ask('acme')).status).toBe(200);
  });

  test('in a legacy call without an mbox', async () => {
    const strict = await quiver.ask('POST', '/rest/v1/mbox/s1?client=demo', { body: {} });
    expect([strict.status, strict.json.message]).toEqual([400, 'mbox: must be given']);
    expect((await quiver.ask('POST', '/rest/v1/mbox/s1?client=acme', { body: {} })).status).toBe(200);
  });
});

test('strict checking accepts what follows every rule', async () => {
  const details = {
    address: { url: 'https://shop.example/', referringUrl: null },
    parameters: { size: 'm', 'user.categoryId': 'shoes' },
    profileParameters: { a: '1' },
    order: { id: 'o1', total: 0, purchasedProductIds: ['p1'], time: '2026-08-18T17:53:39Z' },
    product: { id: 'p1', categoryId: 'shoes' },
  };
  const body = {
    requestId: 'r1',
    id: { customerIds: [{ id: 'c1', integrationCode: 'crm', authenticatedState: 'unknown' }] },
    property: { token: 't' },
    context: {
      channel: 'mobile',
      mobilePlatform: { deviceType: 'tablet', platformType: 'ios', version: null },
      screen: { width: 1, height: 1, orientation: 'landscape' },
      geo: { countryCode: 'DE', latitude: 52.5 },
      timeOffsetInMinutes: -60.5,
    },
    execute: { pageLoad: details, mboxes: [{ ...mbox, ...details }] },
    prefetch: { views: [{ name: 'v', key: 'k', ...details }, {}], mboxes: [{ index: 7, name: 'x' }] },
    notifications: [{ ...notification, ...details }],
    telemetry: { entries: [{ anything: true }] },
  };
  expect((await quiver.ask('POST', `${DELIVERY}&client=demo`, { body })).text).toContain('"status":200');
});
