/**
 * What is counted and what is not (contract section 10); the names seen; the server's own
 * description.
 */

import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { QuiverError } from '../src/errors.ts';
import { UsageMeter } from '../src/metering/usage-meter.ts';
import type { UsageOfDay } from '../src/storage/kept/usage-store.ts';
import { ADMIN_TOKEN, type Answer, type InProcess, type Json, openInProcess } from './in-process.ts';

const ADMIN = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };
const DAY = 86_400_000;
const NOTHING = { fetches: 0, updates: 0, batchUploads: 0, batchStatuses: 0, removals: 0 };

let clock: number;
let quiver: InProcess;
beforeEach(async () => {
  clock = Date.UTC(2026, 7, 18, 12);
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const admin = (path: string, client = 'demo') => quiver.ask('GET', `/${client}/target/${path}`, ADMIN);

/** The counts of today: mbox calls, and calls of the profile APIs. */
async function today(client = 'demo'): Promise<{ mboxCalls: number; profileApiCalls: object }> {
  const { json } = await admin('usage?from=2026-08-18&to=2026-08-18', client);
  const [{ day, placeholderIds, ...counts }] = json.days;
  expect(placeholderIds).toBe(0);
  expect(day).toBe('2026-08-18');
  return counts;
}

const deliver = (body: object): Promise<Answer> =>
  quiver.ask('POST', '/rest/v1/delivery?sessionId=s1', { body: { context: { channel: 'web' }, ...body } });

describe('the number of mbox calls', () => {
  test.each<[string, object, number]>([
    ['execute.pageLoad: 1', { execute: { pageLoad: {} } }, 1],
    ['execute.mboxes: one each', { execute: { mboxes: [{ name: 'a' }, { name: 'b' }] } }, 2],
    [
      'notifications: one each mbox or pageLoad, one for a view',
      { notifications: [{ mbox: { name: 'a' } }, { pageLoad: {} }, { view: { name: 'v' } }] },
      3,
    ],
    ['prefetch: 0', { prefetch: { mboxes: [{ name: 'a' }], pageLoad: {}, views: [{}] } }, 0],
    [
      'a beacon counts as any other',
      { context: { channel: 'web', beacon: true }, execute: { pageLoad: {} } },
      1,
    ],
    ['refused: 0', { execute: { pageLoad: {}, mboxes: [{ index: 'no number' }] } }, 0],
  ])('is right for %s', async (_, body, calls) => {
    await deliver(body);
    expect(await today()).toEqual({ mboxCalls: calls, profileApiCalls: NOTHING });
  });

  test('is 1 for a legacy mbox call, and separate for each client', async () => {
    await quiver.ask('POST', '/rest/v1/mbox/s1?client=acme', { body: { mbox: 'home' } });
    expect((await today('acme')).mboxCalls).toBe(1);
    expect((await today()).mboxCalls).toBe(0);
  });

  test('is one per mbox for the older forms, and 0 for refused calls and visitors who opted out', async () => {
    const mboxes = [{ mbox: 'a' }, { mbox: 'b' }];
    await quiver.ask('POST', '/rest/v2/batchmbox?sessionId=s1', { body: { mboxes } });
    expect((await today()).mboxCalls).toBe(2);
    for (const path of ['rest/standard', 'mbox/json', 'ubox/raw', 'ubox/image', 'ubox/page']) {
      await quiver.ask('GET', `/m2/demo/${path}?mbox=home`);
      await quiver.ask('GET', `/m2/demo/${path}`);
      await quiver.ask('GET', `/m2/demo/${path}?mbox=home`, {
        headers: { cookie: 'a=b; disableClient=true' },
      });
    }
    expect((await today()).mboxCalls).toBe(7);
  });
});

describe('the number of profile API calls', () => {
  test('is counted for each kind separately, never as mbox calls, and only for successful calls', async () => {
    const tntId = await quiver.visit({ thirdPartyId: 'p' });
    const ask = (method: string, target: string, options = {}) => quiver.ask(method, target, options);
    await ask('GET', `/rest/v1/profiles/${tntId}`);
    await ask('GET', '/rest/v1/profiles/thirdPartyId/p');
    await ask('HEAD', '/rest/v1/profiles/thirdPartyId/p');
    await ask('GET', '/rest/v1/profiles/nobody');
    await ask('GET', `/m2/demo/profile/update?mboxPC=${tntId}&profile.x=1`);
    await ask('POST', `/m2/demo/profile/update?mboxPC=${tntId}&profile.y=1`);
    await ask('GET', '/m2/demo/profile/update?profile.x=1');
    const upload = await ask('POST', '/m2/demo/v2/profile/batchUpdate', { body: 'batch=pcId,z\nu1,1\n' });
    const id = /batchId=([\w-]+)/.exec(upload.text)![1];
    await ask('POST', '/m2/demo/profile/batchUpdate', { body: 'no batch' });
    await ask('GET', `/m2/demo/profile/batchStatus?batchId=${id}`);
    await ask('GET', '/m2/demo/profile/batchStatus?batchId=none');
    await ask('DELETE', `/rest/v1/profiles/${tntId}`);
    await ask('DELETE', `/rest/v1/profiles/${tntId}/attributes/x`, ADMIN);
    await ask('DELETE', `/rest/v1/profiles/${tntId}`, ADMIN);
    await admin('profiles?id=p');
    const profileApiCalls = { fetches: 3, updates: 2, batchUploads: 1, batchStatuses: 1, removals: 2 };
    expect(await today()).toEqual({ mboxCalls: 1, profileApiCalls });
    const { text } = await ask('GET', '/metrics');
    expect(text).toContain('quiver_mbox_calls_total{client="demo"} 1\n');
    expect(text).toContain('quiver_profile_api_calls_total{client="demo",kind="fetches"} 3\n');
  });
});

describe('the usage of a client', () => {
  test('covers every day of the range, by default the 30 days up to today', async () => {
    await deliver({ execute: { pageLoad: {} } });
    clock += 2 * DAY;
    await deliver({ execute: { pageLoad: {} } });
    const { json } = await admin('usage?from=2026-08-17&to=2026-08-21');
    expect(json).toMatchObject({ client: 'demo', from: '2026-08-17', to: '2026-08-21' });
    expect(json.days.map(({ day, mboxCalls }: Json) => [day, mboxCalls])).toEqual([
      ['2026-08-17', 0],
      ['2026-08-18', 1],
      ['2026-08-19', 0],
      ['2026-08-20', 1],
      ['2026-08-21', 0],
    ]);
    const month = (await admin('usage')).json;
    expect([month.from, month.to, month.days.length]).toEqual(['2026-07-22', '2026-08-20', 30]);
  });

  test.each([
    ['from=2026-02-30', 'from: must be a day such as 2026-08-18'],
    ['to=yesterday', 'to: must be a day such as 2026-08-18'],
    ['from=2026-08-19&to=2026-08-18', 'from: must not be after to'],
    ['from=2020-01-01&to=2026-08-18', 'to: must be at most 400 days after from'],
  ])('is refused for %s', async (query, message) => {
    const answer = await admin(`usage?${query}`);
    expect([answer.status, answer.json.errors[0].message]).toEqual([400, message]);
  });
});

describe('the meter when the store fails', () => {
  function meterOver(failure: QuiverError | undefined) {
    const told: UsageOfDay[] = [];
    let failing = failure;
    const usage = {
      async add(additions: readonly UsageOfDay[]) {
        if (failing) throw failing;
        told.push(...additions);
      },
      read: async () => [],
      expire: async () => false,
    };
    const meter = new UsageMeter({
      usage,
      registry: new Registry(),
      log: pino({ level: 'silent' }),
      now: () => clock,
    });
    return {
      meter,
      told,
      heal: () => {
        failing = undefined;
      },
    };
  }

  test('adds counts that were not stored later, under the day on which they were counted', async () => {
    const { meter, told, heal } = meterOver(new QuiverError('not-done', 'no'));
    meter.count('demo', 'fetches', 2);
    await meter.flush();
    clock += DAY;
    meter.count('demo', 'fetches');
    heal();
    await meter.stop();
    expect(told).toEqual([
      { client: 'demo', day: '2026-08-18', counts: { fetches: 2 } },
      { client: 'demo', day: '2026-08-19', counts: { fetches: 1 } },
    ]);
  });

  test('never adds counts that may have been stored, so that a count is never too high', async () => {
    const { meter, told, heal } = meterOver(new QuiverError('unknown', 'no'));
    meter.count('demo', 'fetches', 2);
    await meter.flush();
    heal();
    meter.count('demo', 'fetches');
    await meter.stop();
    expect(told).toEqual([{ client: 'demo', day: '2026-08-18', counts: { fetches: 1 } }]);
  });
});

describe('the attribute names that were seen', () => {
  const names = async () => (await admin('profileattributes/mbox')).json.mboxProfileAttributes;

  test('come from stored visits, updates and batches, and are stored before the reply', async () => {
    expect(await names()).toEqual([]);
    const tntId = await quiver.visit({}, { country: 'france' });
    expect(await names()).toEqual(['country', 'firstSessionStart']);
    await quiver.ask('GET', `/m2/demo/profile/update?mboxPC=${tntId}&profile.plan=gold&profile.empty=`);
    await quiver.ask('GET', '/m2/demo/profile/update?mboxPC=nobody&profile.never=1');
    await quiver.ask('GET', `/m2/demo/profile/update?mboxPC=${tntId}&profile.user.x=1`);
    expect(await names()).toEqual(['country', 'firstSessionStart', 'plan']);
    await quiver.ask('POST', '/m2/demo/v2/profile/batchUpdate', { body: 'batch=pcId,city\nu1,paris\n' });
    await vi.waitFor(async () => expect(await names()).toContain('city'), { timeout: 10_000 });
    expect((await admin('profileattributes/mbox', 'acme')).json.mboxProfileAttributes).toEqual([]);
  });

  test('are not written again, and are noted later when noting failed', async () => {
    const add = vi.spyOn(quiver.stores.attributeNames, 'add');
    add.mockRejectedValueOnce(new QuiverError('not-done', 'no'));
    await quiver.visit({ thirdPartyId: 'p' }, { country: 'france' });
    expect(await names()).toEqual([]);
    await quiver.visit({ thirdPartyId: 'p' }, { country: 'spain' });
    await quiver.visit({ thirdPartyId: 'p' }, { country: 'italy' });
    expect(await names()).toEqual(['country', 'firstSessionStart']);
    expect(add).toHaveBeenCalledTimes(2);
  });
});

test('GET server says who serves and how much is stored', async () => {
  await quiver.visit({ thirdPartyId: 'p' });
  const { json } = await admin('server');
  expect(json).toEqual({
    version: '0.0.0-test',
    requests: null,
    requestsKept: null,
    sandbox: false,
    startedAt: '2026-08-18T12:00:00.000Z',
    cluster: 1,
    locationHint: 'none',
    serverDomain: 'tt.omtrdc.net',
    store: { kind: 'lmdb', profiles: 1, bytes: expect.any(Number) },
    workers: 1,
    clients: ['demo', 'acme'],
  });
  expect(json.store.bytes).toBeGreaterThan(0);
});
