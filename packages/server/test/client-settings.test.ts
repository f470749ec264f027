/**
 * The settings and tokens of a client over the Admin API (contract section 9), and what follows
 * from them.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, openInProcess, updateXml } from './in-process.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 7, 18);
const DEFAULTS = {
  enableProfileApiAuthentication: false,
  profileLifetimeDays: 14,
  tokenLifetimeDays: 180,
  whenTooLarge: 'refuse',
  checking: 'lenient',
  unknownUpdate: 'tell',
  customerIdAliases: null,
  placeholderIds: 'warn',
  customerAttributesInFetch: false,
  indexedAttributes: [],
};

const INDEX_RULE = 'indexedAttributes: must be a list of at most 8 different names of attributes, not';
const ALIAS_RULE =
  'customerIdAliases: must be null or a list of at most 100 names of 1 to 50 characters, not';

let quiver: InProcess;
let clock: number;
beforeEach(async () => {
  clock = T0;
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const admin = (method: string, target: string, body?: unknown) =>
  quiver.ask(method, target, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` }, body });
const settings = (method: string, body?: unknown, client = 'demo') =>
  admin(method, `/${client}/target/clients/settings`, body);
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const TOKEN = '/demo/target/authentication/token';

describe('the settings of a client', () => {
  test('have their defaults, in the media type of the Admin API', async () => {
    const { status, headers, json } = await settings('GET');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/vnd.adobe.target.v1+json']);
    expect(json).toEqual(DEFAULTS);
  });

  test('are changed in part by PATCH and as a whole by PUT, and unknown members come back exactly', async () => {
    const strange = '{"__proto__":{"a":1},"constructor":null,"name":"snö","list":[1,{"x":null}]}';
    expect((await settings('PATCH', strange)).text).toBe(
      JSON.stringify({
        ...DEFAULTS,
        ...JSON.parse('{"__proto__":{"a":1},"name":"snö","list":[1,{"x":null}]}'),
      }),
    );
    expect((await settings('PATCH', { profileLifetimeDays: 30 })).json).toMatchObject({
      profileLifetimeDays: 30,
      name: 'snö',
    });
    expect((await settings('PATCH', { profileLifetimeDays: null })).json).toMatchObject(DEFAULTS);
    expect((await settings('PUT', { tokenLifetimeDays: 7 })).json).toEqual({
      ...DEFAULTS,
      tokenLifetimeDays: 7,
    });
    expect((await settings('GET')).json).toEqual({ ...DEFAULTS, tokenLifetimeDays: 7 });
    expect((await settings('GET', undefined, 'acme')).json).toEqual(DEFAULTS);
  });

  test.each([
    [{ profileLifetimeDays: 0 }, 'profileLifetimeDays: must be a whole number from 1 to 90, not 0'],
    [{ profileLifetimeDays: 91 }, 'profileLifetimeDays: must be a whole number from 1 to 90, not 91'],
    [{ profileLifetimeDays: 1.5 }, 'profileLifetimeDays: must be a whole number from 1 to 90, not 1.5'],
    [{ profileLifetimeDays: '30' }, 'profileLifetimeDays: must be a whole number from 1 to 90, not "30"'],
    [{ tokenLifetimeDays: 3651 }, 'tokenLifetimeDays: must be a whole number from 1 to 3650, not 3651'],
    [
      { enableProfileApiAuthentication: 'true' },
      'enableProfileApiAuthentication: must be true or false, not "true"',
    ],
    [{ whenTooLarge: 'drop' }, 'whenTooLarge: must be "refuse" or "drop-oldest", not "drop"'],
    [{ checking: true }, 'checking: must be "lenient" or "strict", not true'],
    [{ unknownUpdate: 'fail' }, 'unknownUpdate: must be "tell" or "success", not "fail"'],
    [{ crossDomain: 'on' }, 'crossDomain: must be "enabled" or "disabled" or "x-only", not "on"'],
    [{ customerAttributesInFetch: 'yes' }, 'customerAttributesInFetch: must be true or false, not "yes"'],
    [{ indexedAttributes: 'plan' }, `${INDEX_RULE} "plan"`],
    [{ indexedAttributes: ['a', 'a'] }, `${INDEX_RULE} ["a","a"]`],
    [{ indexedAttributes: [''] }, `${INDEX_RULE} [""]`],
    [{ indexedAttributes: ['\ud800'] }, `${INDEX_RULE} ["\\ud800"]`],
    [{ indexedAttributes: [...'abcdefghi'] }, `${INDEX_RULE} ${JSON.stringify([...'abcdefghi'])}`],
    [{ placeholderIds: 'drop' }, 'placeholderIds: must be "warn" or "refuse", not "drop"'],
    [{ customerIdAliases: 'crm' }, `${ALIAS_RULE} "crm"`],
    [{ customerIdAliases: [''] }, `${ALIAS_RULE} [""]`],
    [{ customerIdAliases: [1] }, `${ALIAS_RULE} [1]`],
    [{ customerIdAliases: ['x'.repeat(51)] }, `${ALIAS_RULE} ["${'x'.repeat(51)}"]`],
    [{ customerIdAliases: Array(101).fill(0) }, `${ALIAS_RULE} [${'0,'.repeat(49)}0…`],
    [[], 'body: must be a JSON object'],
    ['{', 'body: must be valid JSON'],
  ])('refuse %j: %s', async (body, message) => {
    for (const method of ['PUT', 'PATCH']) {
      await settings('PATCH', { note: 'x'.repeat(100) });
      const { status, json } = await settings(method, body);
      expect([status, json.errors?.[0].message]).toEqual([400, message]);
      expect((await settings('GET')).json).toEqual({ ...DEFAULTS, note: 'x'.repeat(100) });
    }
  });

  test('have one size limit, together with what is stored', async () => {
    await settings('PATCH', { note: 'x'.repeat(100) });
    const { status, json } = await settings('PATCH', { filler: 'x'.repeat(65_450) });
    expect([status, json.errors[0].message]).toEqual([400, 'settings: must have at most 65536 bytes']);
    expect((await settings('GET')).json).not.toHaveProperty('filler');
    expect((await settings('PUT', { filler: 'x'.repeat(65_450) })).status).toBe(200);
  });

  test('of a client that is not served are not found', async () => {
    const { status, json } = await settings('GET', undefined, 'nobody');
    expect([status, json.errors]).toEqual([
      404,
      [{ errorCode: 'NotFound', message: 'No such client: nobody' }],
    ]);
  });
});

describe('names of settings that look misspelt', () => {
  test.each([
    [
      { profileLifetimeDay: 30 },
      'profileLifetimeDay: is no setting of Quiver; did you mean profileLifetimeDays?',
    ],
    [{ 'when-too-large': 'x' }, 'when-too-large: is no setting of Quiver; did you mean whenTooLarge?'],
    [{ profileLifetime: 30 }, 'profileLifetime: is no setting of Quiver; did you mean profileLifetimeDays?'],
    [{ Checking: 'strict' }, 'Checking: is no setting of Quiver; did you mean checking?'],
    [{ 'unknown\u2028Update': 1 }, 'unknown?Update: is no setting of Quiver; did you mean unknownUpdate?'],
  ])('are stored with a warning: %j', async (body, warning) => {
    const { status, headers, json } = await settings('PATCH', body);
    expect([status, headers.get('x-quiver-warning')]).toEqual([200, warning]);
    expect(json).toMatchObject(body);
  });

  test.each([
    { profileLifetimeDays: 30 },
    { globalMboxName: 'target-global-mbox' },
    { crossDomain: 'x-only' },
  ])('cause no warning in %j', async (body) => {
    expect((await settings('PATCH', body)).headers.get('x-quiver-warning')).toBeNull();
  });
});

test("the settings for at.js contain the lifetime, and Adobe's own members", async () => {
  await settings('PATCH', { profileLifetimeDays: 30, globalMboxName: 'target-global-mbox' });
  expect((await admin('GET', '/demo/target/atjs/settings')).json).toEqual({
    globalMboxName: 'target-global-mbox',
    clientCode: 'demo',
    profileLifetime: 30,
  });
});

describe('the options of a client', () => {
  test('unknownUpdate: success answers an update of an unknown profile with success and creates nothing', async () => {
    const update = () => quiver.ask('GET', '/m2/demo/profile/update?mboxPC=nobody&profile.a=1');
    expect((await update()).text).toContain('<success>false</success>');
    await settings('PATCH', { unknownUpdate: 'success' });
    expect((await update()).text).toBe(updateXml(true, 'Request successfully submitted'));
    expect(await quiver.attributes('nobody')).toBeUndefined();
  });

  test('whenTooLarge: drop-oldest removes the oldest attributes in a visit, an update and a batch', async () => {
    const big = (name: string) => ({ [`${name}1`]: 'v'.repeat(5000), [`${name}2`]: 'v'.repeat(5000) });
    const names = async () => (await quiver.attributes('full'))!.map(([name]) => name);
    const visitBig = (name: string) => quiver.visit({ tntId: 'full' }, big(name));
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await visitBig(name);
    await expect(visitBig('g')).rejects.toThrow(
      'the attributes of one profile may total at most 65536 bytes',
    );
    await settings('PATCH', { whenTooLarge: 'drop-oldest' });
    await visitBig('g');
    expect((await names()).slice(0, 2)).toEqual(['a2', 'b1']);
    const value = 'v'.repeat(6000);
    await quiver.ask('POST', '/m2/demo/profile/update', {
      headers: FORM,
      body: `mboxPC=full&profile.h=${value}`,
    });
    expect((await names()).slice(0, 2)).toEqual(['b2', 'c1']);
    await quiver.ask('POST', '/m2/demo/profile/batchUpdate', { body: `batch=pcId,i\nfull,${value}` });
    await expect.poll(names).toEqual(['c1', 'c2', 'd1', 'd2', 'e1', 'e2', 'f1', 'f2', 'g1', 'g2', 'h', 'i']);
    const { profileAttributes } = (await quiver.ask('GET', '/rest/v1/profiles/full')).json;
    expect(profileAttributes.firstSessionStart.value).toBe(String(T0));
  });
});

describe('the profile lifetime', () => {
  const lives = async (id: string) => (await quiver.attributes(`thirdPartyId/${id}`)) !== undefined;

  test('applies to a profile from its next write, whatever wrote it', async () => {
    for (const id of ['early', 'updated', 'in-batch']) await quiver.visit({ thirdPartyId: id });
    await settings('PATCH', { profileLifetimeDays: 2 });
    await quiver.visit({ thirdPartyId: 'late' });
    await quiver.ask('GET', '/m2/demo/profile/update?mbox3rdPartyId=updated&profile.x=1');
    const body = 'batch=thirdPartyId,x\nin-batch,1';
    const upload = await quiver.ask('POST', '/m2/demo/v2/profile/batchUpdate', { body });
    expect(upload.status).toBe(200);
    await expect.poll(() => quiver.attributes('thirdPartyId/in-batch')).toEqual([['x', '1']]);
    clock = T0 + 2 * DAY - 1;
    expect(await Promise.all(['early', 'late', 'updated', 'in-batch'].map(lives))).toEqual(
      Array(4).fill(true),
    );
    clock = T0 + 2 * DAY;
    expect(await Promise.all(['early', 'late', 'updated', 'in-batch'].map(lives))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    clock = T0 + 14 * DAY;
    expect(await lives('early')).toBe(false);
  });
});

describe('profile tokens', () => {
  const make = (query = '') => admin('POST', `${TOKEN}?authorizationScope=profile_api${query}`);
  const show = () => admin('GET', `${TOKEN}?scope=profile_api`);

  test('are created, shown again exactly, and end when the next is created', async () => {
    expect((await show()).status).toBe(404);
    const made = await make();
    expect(made.status).toBe(201);
    expect(made.json).toEqual({
      accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      tokenType: 'bearer',
      scope: 'profile_api',
      expiresIn: 180 * 86_400,
    });
    clock += 10_000;
    expect((await show()).json).toEqual({ ...made.json, expiresIn: 180 * 86_400 - 10 });
    expect((await make()).json.accessToken).not.toBe(made.json.accessToken);
  });

  test('last as long as requested, otherwise as the settings say', async () => {
    expect((await make('&expiresIn=60')).json.expiresIn).toBe(60);
    await settings('PATCH', { tokenLifetimeDays: 1 });
    expect((await make()).json.expiresIn).toBe(86_400);
    clock += DAY;
    expect((await show()).status).toBe(404);
  });

  test.each(['', '?authorizationScope=', '?scope=target_api', '?authorizationScope=profile_api&expiresIn=0'])(
    'are not created by a request with %j',
    async (query) => {
      expect((await admin('POST', TOKEN + query)).status).toBe(400);
      expect((await show()).status).toBe(404);
    },
  );

  test('can be revoked', async () => {
    await make();
    expect((await admin('DELETE', `${TOKEN}?authorizationScope=profile_api`)).status).toBe(204);
    expect((await show()).status).toBe(404);
    expect((await admin('DELETE', `${TOKEN}?authorizationScope=profile_api`)).status).toBe(404);
  });
});
