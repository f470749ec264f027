/**
 * Placeholder ids: counted and logged in every channel, and refused if the client wants that
 * (contract section 3).
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, openInProcess } from './in-process.ts';
import { until } from './until.ts';

const T0 = Date.UTC(2026, 7, 18, 12);
const ZERO_UUID = '00000000-0000-0000-0000-000000000000';
const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
let quiver: InProcess;
let clock: number;
beforeEach(async () => {
  clock = T0;
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const set = (placeholderIds: string) =>
  quiver.ask('PATCH', '/demo/target/clients/settings', { headers, body: { placeholderIds } });
const deliver = (id: object) =>
  quiver.ask('POST', '/rest/v1/delivery?sessionId=s1', { body: { context: { channel: 'web' }, id } });
const entry = (id: string) => ({ id, integrationCode: 'crm', authenticatedState: 'authenticated' });
const metric = async (kind: string) => {
  const { text } = await quiver.ask('GET', '/metrics');
  const line = new RegExp(
    `^quiver_placeholder_ids_total\\{client="demo",kind="${kind}"\\} (\\d+)$`,
    'm',
  ).exec(text);
  return Number(line?.[1] ?? 0);
};
const warnings = () => quiver.logged.filter(({ msg }) => msg?.startsWith('placeholder ids'));

type Channel = [
  what: string,
  kind: string,
  member: string,
  send: () => Promise<{ status: number; text: string }>,
];
const update = (query: string) => () => quiver.ask('GET', `/m2/demo/profile/update?${query}&profile.a=1`);
const CHANNELS: Channel[] = [
  ['Delivery, thirdPartyId', 'thirdPartyId', 'id.thirdPartyId', () => deliver({ thirdPartyId: 'undefined' })],
  ['Delivery, tntId with a hint', 'tntId', 'id.tntId', () => deliver({ tntId: 'null.28_20' })],
  [
    'Delivery, ECID',
    'ecid',
    'id.marketingCloudVisitorId',
    () => deliver({ marketingCloudVisitorId: '0'.repeat(38) }),
  ],
  [
    'Delivery, customer id',
    'customerId',
    'id.customerIds',
    () => deliver({ customerIds: [entry(ZERO_UUID)] }),
  ],
  [
    'legacy mbox call',
    'thirdPartyId',
    'thirdPartyId',
    () => quiver.ask('POST', '/rest/v1/mbox/s1', { body: { mbox: 'home', thirdPartyId: '[object Object]' } }),
  ],
  [
    'older mbox call by GET',
    'thirdPartyId',
    'mbox3rdPartyId',
    () => quiver.ask('GET', '/m2/demo/mbox/json?mbox=home&mbox3rdPartyId=null'),
  ],
  [
    'batch mbox call, customer id',
    'customerId',
    'id.customerIds',
    () =>
      quiver.ask('POST', '/rest/v2/batchmbox?sessionId=s1', {
        body: { id: { customerIds: [entry('none')] }, mboxes: [{ mbox: 'home' }] },
      }),
  ],
  ['update, mbox3rdPartyId', 'thirdPartyId', 'mbox3rdPartyId', update('mbox3rdPartyId=NaN')],
  ['update, mboxPC', 'tntId', 'mboxPC', update('mboxPC=0')],
];

describe.each(CHANNELS)('a placeholder in place of an id, in %s,', (_, kind, member, send) => {
  test('is accepted and counted by default', async () => {
    expect((await send()).status).toBe(200);
    expect(await metric(kind)).toBe(1);
    expect(warnings()).toMatchObject([{ client: 'demo', kind, count: 1 }]);
  });

  test('is refused by name where the client wants that, and changes nothing', async () => {
    await set('refuse');
    const changes = quiver.changes.length;
    const { status, text } = await send();
    expect(status).toBe(400);
    expect(text).toContain(`${member}: must not be a placeholder such as `);
    expect(quiver.changes).toHaveLength(changes);
    expect(await metric(kind)).toBe(1);
    await set('warn');
    expect((await send()).status).toBe(200);
  });
});

test.each([
  ['warn', 3, 0],
  ['refuse', 1, 2],
] as const)('rows of a batch follow the setting %s', async (rule, successful, failed) => {
  await set(rule);
  const body = 'batch=pcId,x\nundefined,1\nnull.1,2\ngood,3\n';
  const { text } = await quiver.ask('POST', '/m2/demo/v2/profile/batchUpdate', { body });
  const id = /batchId=([^<&]+)/.exec(text)![1]!;
  const batch = async () => (await quiver.ask('GET', `/demo/target/batches/${id}`, { headers })).json;
  await until('the batch is complete', async () => (await batch()).state === 'complete');
  expect(await batch()).toMatchObject({ successful, failed });
  expect(await metric('tntId')).toBe(2);
  const { json } = await quiver.ask('GET', `/demo/target/batches/${id}/failures`, { headers });
  const reason = (word: string) =>
    `the id must not be a placeholder such as "${word}", which many visitors would share`;
  expect(json.failures.map((row: { line: number; reason: string }) => [row.line, row.reason])).toEqual(
    failed === 0
      ? []
      : [
          [2, reason('undefined')],
          [3, reason('null.1')],
        ],
  );
});

test('many placeholders give one line in the log per minute', async () => {
  for (let n = 0; n < 5; n += 1) await deliver({ thirdPartyId: 'undefined' });
  expect(warnings()).toHaveLength(1);
  clock += 60_000;
  await deliver({ thirdPartyId: 'null' });
  expect(warnings().at(-1)).toMatchObject({ id: 'null', count: 5 });
  expect(await metric('thirdPartyId')).toBe(6);
  const { json } = await quiver.ask('GET', '/demo/target/usage?from=2026-08-18&to=2026-08-18', { headers });
  expect(json.days[0].placeholderIds).toBe(6);
});

test('a fetch with a placeholder still works, and an administrator can see and remove its profile', async () => {
  await deliver({ thirdPartyId: 'undefined' });
  await set('refuse');
  expect((await quiver.ask('GET', '/rest/v1/profiles/thirdPartyId/undefined')).status).toBe(200);
  expect(await metric('thirdPartyId')).toBe(1);
  const { json } = await quiver.ask('GET', '/demo/target/profiles?id=undefined', { headers });
  expect(json.ids).toContainEqual(expect.objectContaining({ id: 'undefined', isPlaceholder: true }));
  const removed = await quiver.ask('DELETE', '/demo/target/profiles?id=undefined', { headers });
  expect(removed.status).toBe(204);
});

describe('the setting customerIdAliases', () => {
  const alias = (aliases: string[] | null) =>
    quiver.ask('PATCH', '/demo/target/clients/settings', { headers, body: { customerIdAliases: aliases } });
  const ids = [
    { id: '1', integrationCode: 'shop', authenticatedState: 'authenticated' },
    { id: '2', integrationCode: 'crm', authenticatedState: 'authenticated' },
  ];
  const namedBy = async () => {
    const { json } = await deliver({ customerIds: ids });
    const found = await quiver.ask('GET', `/demo/target/profiles?id=${json.id.tntId}&kind=tntId`, {
      headers,
    });
    return found.json.ids
      .filter(({ kind }: { kind: string }) => kind === 'customerId')
      .map(({ id }: { id: string }) => id);
  };

  test.each([
    [null, ['shop:1']],
    [['crm'], ['crm:2']],
    [['CRM'], []],
    [[], []],
  ])('with the value %j admits %j', async (aliases, expected) => {
    expect((await alias(aliases)).status).toBe(200);
    expect(await namedBy()).toEqual(expected);
  });
});
