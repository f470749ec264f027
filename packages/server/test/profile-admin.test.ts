/** Profiles as administrators view and change them. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, openInProcess } from './in-process.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATH = '/demo/target/profiles';
const ECID = '38279142358174038279142358174038279142';
const T0 = Date.UTC(2026, 7, 18, 12);

let clock: number;
let quiver: InProcess;
let tntId: string;
beforeEach(async () => {
  clock = T0;
  quiver = await openInProcess({}, () => clock);
  tntId = await quiver.visit({}, { country: 'france' });
  clock += 1000;
  await quiver.visit({ tntId, thirdPartyId: 'crm-1', marketingCloudVisitorId: ECID }, { plan: 'gold' });
});
afterEach(() => quiver.close());

const ask = (method: string, query: string, body?: unknown, path = PATH) =>
  quiver.ask(method, `${path}?${query}`, { headers, ...(body !== undefined && { body }) });
const refusal = ({ status, json }: Awaited<ReturnType<typeof ask>>) => [status, json.errors[0].message];

describe('GET of a profile by an administrator', () => {
  test('shows it with all its ids', async () => {
    const answer = await ask('GET', 'id=crm-1');
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        client: 'demo',
        kind: 'thirdPartyId',
        id: 'crm-1',
        ids: [
          { kind: 'tntId', id: tntId, since: '2026-08-18T12:00:00.000Z' },
          { kind: 'thirdPartyId', id: 'crm-1', since: '2026-08-18T12:00:01.000Z' },
          { kind: 'marketingCloudVisitorId', id: ECID, since: '2026-08-18T12:00:01.000Z' },
        ],
        modifiedAt: '2026-08-18T12:00:01.000Z',
        expiresAt: '2026-09-01T12:00:01.000Z',
        sizeBytes: 'countryfrance'.length + `firstSessionStart${T0}`.length + 'plangold'.length,
        maxBytes: 65_536,
        attributes: [
          { name: 'country', value: 'france', modifiedAt: '2026-08-18T12:00:00.000Z' },
          { name: 'firstSessionStart', value: String(T0), modifiedAt: '2026-08-18T12:00:00.000Z' },
          { name: 'plan', value: 'gold', modifiedAt: '2026-08-18T12:00:01.000Z' },
        ],
      },
    ]);
  });

  test('finds it by a customer id, and lists that id', async () => {
    const customerIds = [{ id: '47:11', integrationCode: 'c:r', authenticatedState: 'authenticated' }];
    const device = await quiver.visit({ tntId: 'customers-phone', customerIds }, { plan: 'gold' });
    const id = encodeURIComponent('c%3Ar:47:11');
    for (const query of [`id=${id}`, `id=${id}&kind=customerId`, `id=${device}`]) {
      const { json } = await ask('GET', query);
      expect(json.ids.map((linked: { kind: string; id: string }) => [linked.kind, linked.id])).toContainEqual(
        ['customerId', 'c%3Ar:47:11'],
      );
    }
    expect(refusal(await ask('GET', 'id=4711&kind=customerId'))).toEqual([
      400,
      'id: the alias, before the first colon, must have 1 to 50 characters',
    ]);
    expect((await ask('DELETE', `id=${id}&kind=customerId`)).status).toBe(204);
    expect((await ask('GET', `id=${device}`)).status).toBe(404);
  });

  test('finds it by any id, whose kind follows from its form or is tried, and changes nothing', async () => {
    const kinds = async (query: string) => {
      const { status, json } = await ask('GET', query);
      return status === 200 ? json.kind : status;
    };
    await quiver.visit({ thirdPartyId: 'f'.repeat(32) });
    await quiver.visit({ tntId: 'short' });
    const before = quiver.changes.length;
    expect(await kinds(`id=${tntId}`)).toBe('tntId');
    expect(await kinds(`id=${tntId}.28_20`)).toBe('tntId');
    expect(await kinds(`id=${ECID}`)).toBe('marketingCloudVisitorId');
    expect(await kinds(`id=${'f'.repeat(32)}`)).toBe('thirdPartyId');
    expect(await kinds('id=short')).toBe('tntId');
    expect(await kinds('id=short&kind=tntId')).toBe('tntId');
    expect(await kinds('id=short&kind=thirdPartyId')).toBe(404);
    expect(await kinds(`id=${tntId}&kind=marketingCloudVisitorId`)).toBe(404);
    expect(quiver.changes).toHaveLength(before);
  });

  test.each([
    ['id=', 400, 'id: must be given'],
    ['id=x&kind=ecid', 400, 'kind: must be tntId or thirdPartyId or customerId or marketingCloudVisitorId'],
    ['id=a.b.c&kind=tntId', 400, 'id: must contain at most one dot'],
    [`id=${'x'.repeat(257)}`, 400, 'id: must have 1 to 256 characters'],
    ['id=nobody', 404, 'No profile found for client demo with id=nobody'],
  ])('with %s is refused with %i', async (query, status, message) => {
    expect(refusal(await ask('GET', query))).toEqual([status, message]);
  });

  test('finds nothing once it has expired', async () => {
    clock += 14 * 86_400_000;
    expect((await ask('GET', 'id=crm-1')).status).toBe(404);
  });
});

describe('PATCH of a profile by an administrator', () => {
  test('sets attributes with any name, and empty values set nothing', async () => {
    const body = '{"attributes":{"__proto__":"p","country":"spain","none":""}}';
    expect((await ask('PATCH', 'id=crm-1', body)).status).toBe(204);
    expect(await quiver.attributes('thirdPartyId/crm-1')).toEqual([
      ['plan', 'gold'],
      ['__proto__', 'p'],
      ['country', 'spain'],
    ]);
    expect((await ask('PATCH', 'id=nobody', body)).status).toBe(404);
  });

  test.each<[unknown, string]>([
    [{}, 'attributes: must be an object'],
    [{ attributes: [] }, 'attributes: must be an object'],
    [{ attributes: {} }, 'attributes: must not be empty'],
    [
      { attributes: { ok: '1', 'user.x': '1' } },
      'attributes.user.x: the name must not start with "user.", which belongs to profile scripts',
    ],
    [{ attributes: { n: 1 } }, 'attributes.n: must be a string'],
    [{ attributes: { '': 'x' } }, 'attributes.: the name must have 1 to 128 characters'],
    ['[]', 'body: must be a JSON object'],
    [
      { attributes: { big: 'x'.repeat(65_536) } },
      'attributes: the attributes of one profile may total 65536 bytes; nothing was changed',
    ],
  ])('refuses %j and changes nothing', async (body, message) => {
    const before = quiver.changes.length;
    expect(refusal(await ask('PATCH', 'id=crm-1', body))).toEqual([400, message]);
    expect(quiver.changes).toHaveLength(before);
  });
});

describe('DELETE of a profile by an administrator', () => {
  test('removes it with all its ids', async () => {
    expect((await ask('DELETE', `id=${ECID}`)).status).toBe(204);
    expect(refusal(await ask('DELETE', 'id=crm-1'))[0]).toBe(404);
    expect(await quiver.attributes(tntId)).toBeUndefined();
  });

  test('removes one attribute, and says whether profile or attribute does not exist', async () => {
    const remove = (query: string) => ask('DELETE', query, undefined, `${PATH}/attributes`);
    expect((await remove('id=crm-1&name=plan')).status).toBe(204);
    expect(refusal(await remove('id=crm-1&name=plan'))).toEqual([
      404,
      'No attribute plan found for client demo with id=crm-1',
    ]);
    expect(refusal(await remove('id=nobody&name=plan'))[0]).toBe(404);
    expect(refusal(await remove('id=crm-1'))).toEqual([400, 'name: must be given']);
    expect(await quiver.attributes(tntId)).toEqual([['country', 'france']]);
  });
});
