/** Lists, exports and imports over HTTP (contract section 21). */

import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';
import { describeOnBothEngines } from './on-both-engines.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATH = '/demo/target/profiles';
const T0 = Date.UTC(2026, 7, 18, 12);
const ECID = '38279142358174038279142358174038279142';

let clock: number;
let quiver: InProcess;
beforeEach(async () => {
  clock = T0;
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const ask = (method: string, target: string, body?: unknown) =>
  quiver.ask(method, target, { headers, ...(body !== undefined && { body }) });
const refusal = ({ status, json }: Awaited<ReturnType<typeof ask>>) => [status, json.errors[0].message];

/** Visitors of several kinds. @returns the paths of fetches that find them */
async function somePeople(): Promise<string[]> {
  const tntId = await quiver.visit({}, { country: 'france', '1': 'one', __proto__x: 'ü"\n' });
  clock += 1000;
  await quiver.visit({ tntId, thirdPartyId: 'crm-1', marketingCloudVisitorId: ECID }, { plan: 'gold' });
  clock += 1000;
  const customerIds = [{ id: '47:11', integrationCode: 'c:r', authenticatedState: 'authenticated' }];
  const phone = await quiver.visit({ customerIds, thirdPartyId: 'crm-2' }, { plan: 'silver' });
  clock += 1000;
  const single = await quiver.visit({}, { '=1+1': ' cell, "quoted"' });
  return [
    tntId,
    'thirdPartyId/crm-1',
    `marketingCloudVisitorId/${ECID}`,
    'thirdPartyId/crm-2',
    phone,
    single,
  ].map((id) => `/rest/v1/profiles/${id}?client=demo`);
}

const fetched = (paths: readonly string[]) =>
  Promise.all(paths.map(async (path) => (await quiver.ask('GET', path)).text));

describe('the list of profiles', () => {
  test('without an id is ordered by last write, newest first, page by page', async () => {
    await somePeople();
    const first = await ask('GET', `${PATH}?limit=2`);
    expect(first.status).toBe(200);
    expect(first.json.profiles).toHaveLength(2);
    const second = await ask('GET', `${PATH}?limit=2&cursor=${first.json.next}`);
    expect(second.json.profiles).toHaveLength(1);
    expect(second.json.next).toBeUndefined();
    expect(second.json.profiles[0]).toMatchObject({
      kind: 'tntId',
      ids: [{ kind: 'tntId' }, { kind: 'thirdPartyId', id: 'crm-1' }, { kind: 'marketingCloudVisitorId' }],
      idCount: 3,
      modifiedAt: '2026-08-18T12:00:01.000Z',
      attributeCount: 5,
    });
    expect(second.json.profiles[0].attributes).toBeUndefined();
  });

  test('is filtered by prefix, kind, attribute and time, and includes attributes on request', async () => {
    await somePeople();
    const ids = async (query: string) =>
      (await ask('GET', `${PATH}?${query}`)).json.profiles.map((one: Json) => one.id);
    expect(await ids('prefix=crm-')).toEqual(['crm-1', 'crm-2']);
    expect(await ids('prefix=c&kind=customerId')).toEqual(['c%3Ar:47:11']);
    expect(await ids('attribute=plan:silver&prefix=crm')).toEqual(['crm-2']);
    expect(await ids('writtenSince=2026-08-18T12:00:02Z&prefix=crm')).toEqual(['crm-2']);
    const { json } = await ask('GET', `${PATH}?prefix=crm-2&show=attributes`);
    expect(json.profiles[0].attributes).toContainEqual({
      name: 'plan',
      value: 'silver',
      modifiedAt: '2026-08-18T12:00:02.000Z',
    });
  });

  test.each([
    ['limit=0', 'limit: must be a whole number from 1 to 1000'],
    ['limit=1001', 'limit: must be a whole number from 1 to 1000'],
    ['kind=x&prefix=a', 'kind: must be tntId or thirdPartyId or customerId or marketingCloudVisitorId'],
    ['kind=tntId', 'kind: goes with prefix'],
    ['attribute=plan', 'attribute: must be name:value'],
    ['writtenSince=yesterday', 'writtenSince: must be an ISO 8601 time'],
    ['cursor=x', 'cursor: must be `next` of the page before, with the same query'],
    ['show=all', 'show: must be attributes'],
  ])('refuses %s', async (query, message) => {
    expect(refusal(await ask('GET', `${PATH}?${query}`))).toEqual([400, message]);
  });
});

describeOnBothEngines('after everything was deleted, an export', (openStores) => {
  beforeEach(async () => {
    // Redis frees expired profiles by its own clock.
    clock = Date.now();
    await quiver.close();
    quiver = await openInProcess({}, () => clock, openStores);
  });

  test('restores every fetch byte for byte', async () => {
    const paths = await somePeople();
    const before = await fetched(paths);
    const exported = await ask('GET', `${PATH}/export`);
    expect(exported.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = exported.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(lines[0]).toMatchObject({ quiverExport: 1, client: 'demo' });
    expect(lines.at(-1)).toEqual({ end: true, profiles: 3 });
    for (const path of paths) await quiver.ask('DELETE', path, { headers });
    expect((await fetched(paths)).every((text) => text.includes('"status":404'))).toBe(true);
    clock += 60_000;
    for (const body of [exported.text, gzipSync(exported.text), exported.text.replaceAll('\n', '\r\n')]) {
      const packed = body instanceof Uint8Array ? { 'content-encoding': 'gzip' } : {};
      const answer = await quiver.ask('POST', `${PATH}/import`, { headers: { ...headers, ...packed }, body });
      expect(answer.json).toEqual({ profiles: 3, imported: 3, expired: 0, suppressed: 0 });
      expect(await fetched(paths)).toEqual(before);
    }
    const again = await ask('GET', `${PATH}/export`);
    const profilesOf = (text: string) =>
      text
        .split('\n')
        .slice(1, -2)
        .map((line) => line.replace(/,"position":.*/, ''))
        .sort();
    expect(profilesOf(again.text)).toEqual(profilesOf(exported.text));
    expect((await ask('GET', '/demo/target/profileattributes/mbox')).json.mboxProfileAttributes).toContain(
      '=1+1',
    );
  });

  test('restores sessions, categories and customer attributes', async () => {
    const parameters = { 'user.categoryId': 'shoes,hats' };
    const customerIds = [{ id: '4711', integrationCode: 'crm', authenticatedState: 'authenticated' }];
    const body = { id: { customerIds }, context: { channel: 'web' }, execute: { pageLoad: { parameters } } };
    await quiver.ask('POST', '/rest/v1/delivery?client=demo&sessionId=s', { body });
    clock += 1000;
    const table = 'id,tier,city\n4711,gold,\n';
    const { batchId } = (await ask('POST', '/demo/target/customer-attributes/crm', table)).json;
    await vi.waitFor(async () =>
      expect((await ask('GET', `/demo/target/batches/${batchId}`)).json.state).toBe('complete'),
    );
    const view = async () => (await ask('GET', `${PATH}?id=crm%3A4711`)).json;
    const before = await view();
    expect(before).toMatchObject({
      session: { number: 1 },
      categoryAffinities: [{ category: 'shoes' }, { category: 'hats' }],
      customerAttributes: [{ name: 'tier', value: 'gold' }],
    });
    const file = (await ask('GET', `${PATH}/export`)).text;
    await ask('DELETE', `${PATH}?id=crm%3A4711`);
    expect((await ask('POST', `${PATH}/import`, file)).json).toMatchObject({ imported: 1 });
    expect(await view()).toEqual(before);
    const again = (await ask('GET', `${PATH}/export`)).text;
    const lineOf = (text: string) => ({ ...JSON.parse(text.split('\n')[1]!), position: '' });
    expect(lineOf(again)).toEqual(lineOf(file));
    const refused = (state: unknown) => {
      const lines = file.split('\n');
      lines[1] = JSON.stringify({ ...JSON.parse(lines[1]!), state });
      return ask('POST', `${PATH}/import`, lines.join('\n'));
    };
    const modifiedAt = new Date(clock).toISOString();
    for (const [state, problem] of [
      ['x', 'state: must be a list'],
      [[{ kind: 'clock' }], 'state[0].kind: must be'],
      [
        [{ kind: 'session', value: 'x', before: 0, modifiedAt }],
        'state[0].value: must be what an export wrote',
      ],
      [
        [{ kind: 'lastCall', name: 'n', value: '', before: 0, modifiedAt }],
        'state[0].name: must be left out',
      ],
      [
        [{ kind: 'customerAttribute', value: '', before: 0, modifiedAt }],
        'state[0].name: must be a well-formed',
      ],
      [[{ kind: 'lastCall', value: '', before: -1, modifiedAt }], 'state[0].before: must be a whole number'],
      [[{ kind: 'lastCall', value: '', before: 0 }], 'state[0].modifiedAt: must be an ISO 8601 time'],
    ] as const) {
      const answer = await refused(state);
      expect([answer.status, answer.json.errors[0].message]).toEqual([400, expect.stringContaining(problem)]);
    }
  });
});

describe('an export of a client', () => {
  test('continues after the last whole line', async () => {
    await somePeople();
    const whole = await ask('GET', `${PATH}/export`);
    const lines = whole.text.trimEnd().split('\n');
    const { snapshot } = JSON.parse(lines[0]!) as Json;
    expect(whole.headers.get('x-quiver-snapshot')).toBe(snapshot);
    const { position } = JSON.parse(lines[2]!) as Json;
    await quiver.visit({}, { late: '1' });
    const rest = await ask('GET', `${PATH}/export?snapshot=${snapshot}&after=${position}`);
    expect(rest.text.trimEnd().split('\n')).toEqual([lines[3], '{"end":true,"profiles":1}']);
    expect(refusal(await ask('GET', `${PATH}/export?snapshot=0123456789abcdef`))[0]).toBe(404);
    expect(refusal(await ask('GET', `${PATH}/export?snapshot=${snapshot}&after=x`))).toEqual([
      400,
      'after: must be the position of a line of the export',
    ]);
    expect(refusal(await ask('GET', `${PATH}/export?after=1`))).toEqual([400, 'after: goes with snapshot']);
    expect(refusal(await ask('GET', `${PATH}/export?format=xml`))).toEqual([
      400,
      'format: must be ndjson or csv',
    ]);
  });

  test('can be a table', async () => {
    await somePeople();
    const { text, headers: sent } = await ask('GET', `${PATH}/export?format=csv`);
    expect(sent.get('content-type')).toBe('text/csv;charset=UTF-8');
    const rows = text.split('\r\n');
    expect(rows[0]).toMatch(
      /^thirdPartyId,customerIds,marketingCloudVisitorIds,tntIds,modifiedAt,expiresAt,position,/,
    );
    expect(rows).toHaveLength(5);
    expect(text).toContain('crm-2,c%3Ar:47:11,,');
    expect(text).toContain('" cell, ""quoted"""');
  });
});

describe('an import is refused', () => {
  const head = '{"quiverExport":1,"client":"demo"}';
  const id = { kind: 'tntId', id: 'a', since: '2026-08-18T12:00:00.000Z' };
  const attribute = { name: 'x', value: '1', modifiedAt: '2026-08-18T12:00:00.000Z' };
  const good = {
    ids: [id],
    modifiedAt: '2026-08-18T12:00:00.000Z',
    expiresAt: '2026-08-28T12:00:00.000Z',
    attributes: [attribute],
  };
  const person = (value: string) => ({ ...id, kind: 'thirdPartyId', id: value });
  const CASES: [object | string, string][] = [
    ['{', 'must be a JSON object'],
    ['[]', 'must be an object'],
    [{ ...good, ids: [] }, 'ids: must be a list of at least one id'],
    [
      { ...good, ids: [{ ...id, kind: 'x' }] },
      'ids[0].kind: must be tntId or thirdPartyId or customerId or marketingCloudVisitorId',
    ],
    [{ ...good, ids: [{ ...id, id: '' }] }, 'ids[0].id: must have 1 to 128 characters'],
    [{ ...good, ids: [id, id] }, 'ids: must not name an id twice'],
    [
      { ...good, ids: [person('a'), person('b')] },
      'ids: may have one thirdPartyId and one customer id an alias',
    ],
    [{ ...good, ids: [{ ...id, since: 1 }] }, 'ids[0].since: must be an ISO 8601 time'],
    [{ ...good, expiresAt: '2027-08-28T12:00:00.000Z' }, 'expiresAt: must be within 91 days'],
    [{ ...good, attributes: [attribute, attribute] }, 'attributes[1].name: is there twice'],
    [
      { ...good, attributes: [{ ...attribute, value: 1 }] },
      'attributes[0].value: must be a well-formed string',
    ],
    [
      {
        ...good,
        attributes: [attribute, { ...attribute, name: 'y', modifiedAt: '2026-08-18T11:00:00.000Z' }],
      },
      'attributes[1].modifiedAt: must not be before that of the one before',
    ],
  ];
  test.each(CASES)('for %j', async (line, message) => {
    const text = typeof line === 'string' ? line : JSON.stringify(line);
    const answer = await ask('POST', `${PATH}/import`, `${head}\n${text}\n{"end":true,"profiles":1}\n`);
    const [status, said] = refusal(answer);
    expect(status).toBe(400);
    expect(said).toContain(`line 2: ${message}`);
    expect(said).toContain('nothing was changed');
    expect((await ask('GET', PATH)).json.profiles).toEqual([]);
  });

  test('without its first or last line, and the refusal says what was imported', async () => {
    const [, noHead] = refusal(await ask('POST', `${PATH}/import`, JSON.stringify(good)));
    expect(noHead).toContain('line 1: must be the first line of an export');
    const [, noEnd] = refusal(await ask('POST', `${PATH}/import`, `${head}\n${JSON.stringify(good)}\n`));
    expect(noEnd).toBe(
      'line 3: must be the last line of an export; the file was cut short; 1 profiles before it are in',
    );
    const [, newer] = refusal(await ask('POST', `${PATH}/import`, '{"quiverExport":2}\n'));
    expect(newer).toContain('quiverExport: must be 1');
  });

  test('but not for expired profiles, which are left out', async () => {
    clock += 20 * 86_400_000;
    const text = `${head}\n${JSON.stringify(good)}\n{"end":true,"profiles":1}\n`;
    expect((await ask('POST', `${PATH}/import`, text)).json).toMatchObject({ imported: 0, expired: 1 });
  });
});
