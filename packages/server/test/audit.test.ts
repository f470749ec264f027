/**
 * The actions of administrators (contract section 23): every change is recorded, without values.
 */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AUDIT_KEPT_MS, type AuditEntry, auditStore } from '../src/storage/kept/audit-store.ts';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const AUDIT = '/demo/target/audit';
const START = Date.parse('2026-08-18T12:00:00.000Z');

let quiver: InProcess;
let clock: number;
beforeEach(async () => {
  clock = START;
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const ask = (method: string, target: string, body?: unknown) =>
  quiver.ask(method, target, { headers, ...(body !== undefined && { body }) });
const entries = async (target = AUDIT): Promise<Json[]> => (await ask('GET', target)).json.entries;
const actions = async () => (await entries()).map(({ action }) => action);

const PROFILE = '/demo/target/profiles?id=crm-1&kind=thirdPartyId';
const SETTINGS = 'PATCH /{client}/target/clients/settings';

test('every change by an administrator is recorded: who, when, what and on what, but no value', async () => {
  await quiver.visit({ thirdPartyId: 'crm-1' }, { plan: 'gold' });
  const changes: [string, string, unknown, object][] = [
    ['PATCH', '/demo/target/clients/settings', { tokenLifetimeDays: 77 }, {}],
    [
      'POST',
      '/demo/target/authentication/token?authorizationScope=profile_api',
      undefined,
      { authorizationScope: 'profile_api' },
    ],
    [
      'PATCH',
      PROFILE,
      { attributes: { plan: 'hush' } },
      { kind: 'thirdPartyId', reference: expect.any(String) },
    ],
    ['GET', '/demo/target/profiles/export?format=csv', undefined, { format: 'csv' }],
    ['POST', '/demo/target/webhooks', { url: 'http://127.0.0.1:9/hush' }, { id: expect.any(String) }],
    ['DELETE', '/rest/v1/profiles/thirdPartyId/crm-1?client=demo', undefined, { kind: 'thirdPartyId' }],
  ];
  for (const [method, target, body] of changes) {
    expect((await ask(method, target, body)).status, target).toBeLessThan(300);
    clock += 1000;
  }
  const recorded = await entries();
  expect(recorded).toHaveLength(changes.length);
  for (const [place, { action, target, by, at }] of recorded.reverse().entries()) {
    const [method, , , expected] = changes[place]!;
    expect(action).toMatch(new RegExp(`^${method} /`));
    expect(target).toMatchObject(expected);
    expect(by).toEqual({ kind: 'token', id: expect.stringMatching(/^[0-9a-f]{8}$/) });
    expect(Date.parse(at)).toBe(START + 1000 * place);
  }
  expect(recorded[2].target.reference).toBe(recorded[5].target.reference);
  const text = JSON.stringify(recorded);
  for (const secret of ['crm-1', 'hush', 'gold', ADMIN_TOKEN]) expect(text).not.toContain(secret);
});

test('reads, refused calls and calls of others are not recorded', async () => {
  await quiver.visit({ thirdPartyId: 'crm-1' }, { plan: 'gold' });
  await ask('GET', '/demo/target/clients/settings');
  await ask('GET', PROFILE);
  expect((await ask('PATCH', '/demo/target/clients/settings', { profileLifetimeDays: 0 })).status).toBe(400);
  const stranger = { headers: { authorization: 'Bearer wrong' } };
  expect((await quiver.ask('DELETE', PROFILE, stranger)).status).toBe(401);
  expect(await entries()).toEqual([]);
  const token = (await ask('POST', '/demo/target/authentication/token?scope=profile_api')).json.accessToken;
  const withToken = { headers: { authorization: `Bearer ${token}` } };
  const removed = await quiver.ask('DELETE', '/rest/v1/profiles/thirdPartyId/crm-1?client=demo', withToken);
  expect(removed.status).toBe(204);
  expect(await actions()).toEqual(['POST /{client}/target/authentication/token']);
  expect(await entries('/acme/target/audit')).toEqual([]);
});

test('changes from the console are recorded with their session', async () => {
  const signedIn = await quiver.ask('POST', '/console/session', { body: { token: ADMIN_TOKEN } });
  const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!;
  const changed = await quiver.ask('PATCH', '/demo/target/clients/settings', {
    headers: { cookie, 'x-quiver-csrf': signedIn.json.csrfToken },
    body: { tokenLifetimeDays: 20 },
  });
  expect(changed.status).toBe(200);
  const [{ by, action }] = await entries();
  expect([by.kind, action]).toEqual(['session', SETTINGS]);
  expect(by.id).toMatch(/^[0-9a-f]{8}$/);
});

test('entries are listed newest first, page by page, from a given time, for 90 days', async () => {
  for (let day = 10; day < 15; day += 1) {
    await ask('PATCH', '/demo/target/clients/settings', { tokenLifetimeDays: day });
    clock += 86_400_000;
  }
  const times: string[] = [];
  for (let cursor = ''; ; ) {
    const { json } = await ask('GET', `${AUDIT}?limit=2&cursor=${cursor}`);
    times.push(...json.entries.map(({ at }: Json) => at.slice(0, 10)));
    if (json.next === undefined) break;
    cursor = json.next;
  }
  expect(times).toEqual(['2026-08-22', '2026-08-21', '2026-08-20', '2026-08-19', '2026-08-18']);
  expect(await entries(`${AUDIT}?since=2026-08-21T12:00:00Z`)).toHaveLength(2);
  clock = START + AUDIT_KEPT_MS + 1;
  expect(await entries()).toHaveLength(4);
  for (const query of ['limit=0', 'limit=1001', 'since=yesterday', 'cursor=x'])
    expect((await ask('GET', `${AUDIT}?${query}`)).status, query).toBe(400);
});

test('when an entry cannot be written, the action is done, and the reply and the log say so', async () => {
  const failing = vi.spyOn(quiver.stores.audit, 'add').mockRejectedValue(new Error('no room'));
  const { status, headers: sent } = await ask('PATCH', '/demo/target/clients/settings', {
    tokenLifetimeDays: 20,
  });
  expect([status, sent.get('x-quiver-warning')]).toEqual([200, 'done, but not recorded in the audit']);
  expect(quiver.logged.at(-1)).toMatchObject({ level: 50, client: 'demo', action: SETTINGS });
  failing.mockRestore();
});

test('a limited number is kept, and the oldest are removed first', async () => {
  const audit = auditStore(quiver.stores.records, 20);
  const entry = (at: number): AuditEntry => ({ at, by: { kind: 'token', id: 'x' }, action: 'a', target: {} });
  for (let at = 1; at <= 30; at += 1) await audit.add('demo', entry(at), 'ab');
  const { entries: kept } = await audit.page('demo', 0, 100);
  expect(kept.length).toBeLessThanOrEqual(20);
  expect(kept.map(({ at }) => at)).toEqual(Array.from(kept, (_, place) => 30 - place));
});
