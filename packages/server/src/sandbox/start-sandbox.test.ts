/** The sandbox from within a test (contract section 13). */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RunningSandbox, StartSandboxOptions } from './public-types.ts';
import { startSandbox } from './start-sandbox.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const open: RunningSandbox[] = [];

async function start(options: StartSandboxOptions = {}): Promise<RunningSandbox> {
  const sandbox = await startSandbox({ now: NOW, ids: 'seed:42', ...options });
  open.push(sandbox);
  return sandbox;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const sandbox of open.splice(0)) await sandbox.close();
});

interface Visited {
  readonly status: number;
  readonly tntId: string;
}

async function visit(
  { url }: { url: string },
  id: object,
  profileParameters: object = {},
  client = 'demo',
): Promise<Visited> {
  const answer = await fetch(`${url}/rest/v1/delivery?client=${client}&sessionId=s1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id, context: { channel: 'web' }, execute: { pageLoad: { profileParameters } } }),
  });
  const json = (await answer.json()) as { id?: { tntId: string } };
  return { status: answer.status, tntId: json.id?.tntId ?? '' };
}

async function profile({ url }: { url: string }, path: string, client = 'demo') {
  const answer = await fetch(`${url}/rest/v1/profiles/${path}?client=${client}`);
  if (answer.status !== 200) return answer.status;
  const { profileAttributes } = (await answer.json()) as {
    profileAttributes: Record<string, { value: string }>;
  };
  return Object.fromEntries(
    Object.entries(profileAttributes)
      .filter(([name]) => name !== 'firstSessionStart')
      .map(([name, { value }]) => [name, value]),
  );
}

const update = ({ url }: { url: string }, id: string, plan: string, client = 'demo') =>
  fetch(`${url}/m2/${client}/profile/update?mbox3rdPartyId=${id}&profile.plan=${plan}`, { method: 'POST' });

const SEED = [
  { thirdPartyId: 'crm-1', tntId: 'tnt-1', attributes: { plan: 'gold', points: 7 } },
  { thirdPartyId: 'crm-2', attributes: { plan: 'blue' } },
];

describe('the state of a sandbox', () => {
  test('starts from the seed, and can be reset to it or to nothing', async () => {
    const quiver = await start({ seed: SEED });
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toEqual({ plan: 'gold', points: '7' });
    expect(await profile(quiver, 'tnt-1')).toEqual({ plan: 'gold', points: '7' });
    await update(quiver, 'crm-1', 'black');
    await visit(quiver, { thirdPartyId: 'crm-3' });
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'black' });
    await quiver.reset();
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toEqual({ plan: 'gold', points: '7' });
    expect(await profile(quiver, 'thirdPartyId/crm-3')).toBe(404);
    await quiver.reset({ seed: false });
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toBe(404);
  });

  test('with every id, attribute and setting is in a snapshot', async () => {
    const quiver = await start({ clients: ['demo'] });
    const { tntId } = await visit(quiver, {}, { step: 'cart' });
    await visit(quiver, { tntId, thirdPartyId: 'crm-9' }, { plan: 'gold' });
    await quiver.snapshot('signed-in');
    await update(quiver, 'crm-9', 'blue');
    await quiver.restore('signed-in');
    expect(await profile(quiver, tntId)).toEqual({ step: 'cart', plan: 'gold' });
    expect(await profile(quiver, 'thirdPartyId/crm-9')).toEqual({ step: 'cart', plan: 'gold' });
    await expect(quiver.restore('never')).rejects.toThrow('name: there is no snapshot "never"');
  });

  test('has the same generated ids for the same seed, even after a reset', async () => {
    const one = await start();
    const other = await start();
    const first = await visit(one, {});
    expect((await visit(other, {})).tntId).toBe(first.tntId);
    await one.reset();
    expect((await visit(one, {})).tntId).toBe(first.tntId);
    expect((await visit(one, {})).tntId).not.toBe(first.tntId);
    const random = await start({ ids: 'random' });
    expect((await visit(random, {})).tntId).not.toBe(first.tntId);
  });

  test('exists for any client code, or only for those named', async () => {
    const any = await start();
    expect((await visit(any, {}, {}, 'whatever')).status).toBe(200);
    expect((await visit(any, {}, {}, 'No Such')).status).toBe(404);
    const some = await start({ clients: ['demo'] });
    expect((await visit(some, {}, {}, 'whatever')).status).toBe(404);
  });

  test('leaves nothing behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quiver-test-'));
    vi.stubEnv('TMPDIR', folder);
    const quiver = await startSandbox({ seed: SEED });
    expect(readdirSync(folder)).toHaveLength(1);
    await quiver.close();
    await quiver.close();
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
    await expect(fetch(quiver.url)).rejects.toThrow();
  });
});

describe('the clock of a sandbox', () => {
  test('expires profiles when it is moved, not before', async () => {
    const quiver = await start();
    await visit(quiver, { thirdPartyId: 'crm-1' }, { plan: 'gold' });
    await quiver.clock.advance('P13DT23H59M');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toEqual({ plan: 'gold' });
    await quiver.clock.advance('PT1M');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toBe(404);
    expect((await quiver.clock.now()).toISOString()).toBe('2026-01-15T00:00:00.000Z');
  });

  test('stands still, can be set, and can be started', async () => {
    const quiver = await start();
    await quiver.clock.set({ now: '2030-05-05T00:00:00Z' });
    expect((await quiver.clock.now()).toISOString()).toBe('2030-05-05T00:00:00.000Z');
    await quiver.clock.set({ frozen: false });
    const seen = await quiver.clock.now();
    await expect.poll(async () => (await quiver.clock.now()) > seen).toBe(true);
  });

  test('expires a token too', async () => {
    const quiver = await start({ clients: ['demo'] });
    const admin = { authorization: `Bearer ${quiver.adminToken}` };
    const target = `${quiver.url}/demo/target/authentication/token?authorizationScope=profile_api`;
    const made = await (await fetch(target, { method: 'POST', headers: admin })).text();
    const { accessToken } = JSON.parse(made);
    const settings = `${quiver.url}/demo/target/clients/settings`;
    const body = '{"enableProfileApiAuthentication":true}';
    await fetch(settings, { method: 'PATCH', headers: admin, body });
    const fetched = async () => {
      const headers = { authorization: `Bearer ${accessToken}` };
      return (await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/x?client=demo`, { headers })).status;
    };
    expect(await fetched()).toBe(404);
    await quiver.clock.advance('P181D');
    expect(await fetched()).toBe(403);
  });
});

describe('batches in a sandbox', () => {
  const batch = ({ url }: { url: string }, rows: string, client = 'demo') =>
    fetch(`${url}/m2/${client}/v2/profile/batchUpdate`, {
      method: 'POST',
      body: `batch=thirdPartyId,plan\n${rows}\n`,
    });

  test('are applied before advance resolves', async () => {
    const quiver = await start();
    await batch(quiver, 'crm-1,gold\ncrm-2,blue');
    await quiver.clock.advance('PT0S');
    expect(await profile(quiver, 'thirdPartyId/crm-2')).toEqual({ plan: 'blue' });
  });

  test('are applied after a reset too, and earlier ones are gone', async () => {
    const quiver = await start();
    await batch(quiver, 'crm-1,gold');
    await quiver.reset();
    await batch(quiver, 'crm-2,blue');
    await quiver.clock.advance('PT0S');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toBe(404);
    expect(await profile(quiver, 'thirdPartyId/crm-2')).toEqual({ plan: 'blue' });
  });

  test('take as long as the weather says', async () => {
    const quiver = await start();
    await quiver.weather({ batchesTake: 'PT2H' });
    const status = await (await batch(quiver, 'crm-1,gold')).text();
    const url = /<batchStatus>(.*?)<\/batchStatus>/.exec(status)![1]!;
    await quiver.clock.advance('PT1H59M');
    expect(await (await fetch(url)).text()).toContain('<status>incomplete</status>');
    await quiver.clock.advance('PT1M');
    expect(await (await fetch(url)).text()).toContain('<status>complete</status>');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toEqual({ plan: 'gold' });
  });

  test('can lose rows that count as successful', async () => {
    const quiver = await start();
    await quiver.weather({ lostRows: 0.5 });
    const ids = Array.from({ length: 20 }, (_, row) => `crm-${row}`);
    const status = await (await batch(quiver, ids.map((id) => `${id},gold`).join('\n'))).text();
    await quiver.clock.advance('PT0S');
    const url = `${/<batchStatus>(.*?)<\/batchStatus>/.exec(status)![1]!}&showDetails=true`;
    expect(await (await fetch(url)).text()).toContain('<successfulUpdates>20</successfulUpdates>');
    const found = await Promise.all(ids.map((id) => profile(quiver, `thirdPartyId/${id}`)));
    expect(found).toContainEqual(404);
    expect(found).toContainEqual({ plan: 'gold' });
  });

  test('of version 2 replace what an earlier batch set, unless the visitor came in between', async () => {
    const quiver = await start();
    await quiver.weather({ batchOverrides: true });
    const other = async (rows: string) => {
      await fetch(`${quiver.url}/m2/demo/v2/profile/batchUpdate`, {
        method: 'POST',
        body: `batch=thirdPartyId,city\n${rows}\n`,
      });
      await quiver.clock.advance('PT1S');
    };
    await batch(quiver, 'crm-1,gold\ncrm-2,blue');
    await quiver.clock.advance('PT1S');
    await visit(quiver, { thirdPartyId: 'crm-2' });
    await other('crm-1,Paris\ncrm-2,Rome');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toEqual({ city: 'Paris' });
    expect(await profile(quiver, 'thirdPartyId/crm-2')).toEqual({ plan: 'blue', city: 'Rome' });
  });
});

describe('the weather of Adobe', () => {
  test('makes updates visible after their delay', async () => {
    const quiver = await start({ seed: SEED });
    await quiver.weather({ updatesVisibleAfter: 'PT24H' });
    expect(await (await update(quiver, 'crm-1', 'black')).text()).toContain('<success>true</success>');
    expect(await (await update(quiver, 'nobody', 'black')).text()).toContain('<success>false</success>');
    await quiver.clock.advance('PT23H');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'gold' });
    await quiver.clock.advance('PT1H');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'black' });
  });

  test('delays merges', async () => {
    const quiver = await start();
    const { tntId } = await visit(quiver, {}, { step: 'cart' });
    await visit(quiver, { thirdPartyId: 'crm-1' }, { plan: 'gold' });
    await quiver.weather({ mergesVisibleAfter: 'PT5M' });
    expect((await visit(quiver, { tntId, thirdPartyId: 'crm-1' })).tntId).toBe(tntId);
    expect(await profile(quiver, tntId)).toEqual({ step: 'cart' });
    await quiver.clock.advance('PT5M');
    expect(await profile(quiver, tntId)).toEqual({ step: 'cart', plan: 'gold' });
  });

  test('applies one limit a minute to admin and batch calls, and one a day to updates and fetches', async () => {
    const quiver = await start({ seed: SEED });
    await quiver.weather({ callsAMinute: 1, updatesADay: 1, fetchesADay: 1 });
    const status = () => fetch(`${quiver.url}/m2/demo/profile/batchStatus?batchId=none`);
    expect((await status()).status).toBe(404);
    const refused = await status();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60']);
    expect((await update(quiver, 'crm-1', 'a')).status).toBe(200);
    expect((await update(quiver, 'crm-1', 'b')).status).toBe(503);
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'a' });
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toBe(503);
    await quiver.clock.advance('PT1M');
    expect((await status()).status).toBe(404);
    expect((await update(quiver, 'crm-1', 'b')).status).toBe(503);
    await quiver.clock.advance('P1D');
    expect((await update(quiver, 'crm-1', 'b')).status).toBe(200);
  });

  test('refuses too many simultaneous visits of one session', async () => {
    const quiver = await start();
    await quiver.weather({ callsASession: 1 });
    const all = await Promise.all(Array.from({ length: 20 }, () => visit(quiver, {})));
    const statuses = new Set(all.map(({ status }) => status));
    expect(statuses).toEqual(new Set([200, 420]));
    expect((await visit(quiver, {})).status).toBe(200);
    const [refused] = await quiver.requests.find({ status: 420 });
    expect(refused?.reason).toBe('Too many requests with same session ID');
  });

  test('adds hints that name an edge as Adobe does, until it is switched off', async () => {
    const quiver = await start();
    const before = await visit(quiver, {}, { plan: 'gold' });
    await quiver.weather({ preset: 'adobe' });
    const { tntId } = await visit(quiver, {});
    expect(tntId).toMatch(/^[0-9a-f]{32}\.28_20$/);
    expect(await profile(quiver, before.tntId)).toEqual({ plan: 'gold' });
    await quiver.weather({ preset: 'calm' });
    expect((await visit(quiver, {})).tntId).toMatch(/^[0-9a-f]{32}$/);
  });

  test('refuses an unknown member and changes nothing', async () => {
    const quiver = await start();
    await expect(quiver.weather({ rain: true } as object)).rejects.toThrow('rain: is unknown');
    await expect(quiver.weather({ batchesTake: 'a while' })).rejects.toThrow(
      'batchesTake: must be an ISO 8601',
    );
  });
});

describe('the faults of a sandbox', () => {
  test('strike as often as configured, and the call changes nothing', async () => {
    const quiver = await start({ seed: SEED });
    const fault = await quiver.faults.add({ route: 'update', times: 2, status: 503, retryAfter: 7 });
    const first = await update(quiver, 'crm-1', 'black');
    expect([first.status, first.headers.get('retry-after')]).toEqual([503, '7']);
    await update(quiver, 'crm-1', 'black');
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'gold' });
    expect((await update(quiver, 'crm-1', 'black')).status).toBe(200);
    expect(fault.hits).toBe(2);
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'black' });
  });

  test('with applied carry the call out and lose the answer', async () => {
    const quiver = await start({ seed: SEED });
    await quiver.faults.add({ route: 'update', times: 1, status: 500, applied: true });
    expect((await update(quiver, 'crm-1', 'black')).status).toBe(500);
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'black' });
  });

  test('can apply to one id or one client only', async () => {
    const quiver = await start({ seed: SEED });
    await quiver.faults.add({ route: 'update', id: 'crm-2', status: 503 });
    await quiver.faults.add({ route: 'fetch', client: 'other', status: 503 });
    expect((await update(quiver, 'crm-1', 'x')).status).toBe(200);
    expect((await update(quiver, 'crm-2', 'x')).status).toBe(503);
    const form = {
      method: 'POST',
      body: new URLSearchParams({ mbox3rdPartyId: 'crm-2', 'profile.plan': 'x' }),
    };
    expect((await fetch(`${quiver.url}/m2/demo/profile/update`, form)).status).toBe(503);
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'x' });
    expect(await profile(quiver, 'thirdPartyId/crm-1', 'other')).toBe(503);
  });

  test.each(['head', 'body'] as const)('can cut the connection in the middle of the %s', async (cut) => {
    const quiver = await start({ seed: SEED });
    await quiver.faults.add({ route: 'fetch', times: 1, cut, applied: true });
    await expect(profile(quiver, 'thirdPartyId/crm-1')).rejects.toThrow();
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'gold' });
  });

  test('that cut the head leave no answer, and the pipelined update is made', async () => {
    const quiver = await start({ seed: SEED });
    await quiver.faults.add({ route: 'update', cut: 'head', applied: true });
    const socket = net.connect(quiver.port, '127.0.0.1');
    socket.end(
      'GET /m2/demo/profile/update?mbox3rdPartyId=crm-1&profile.plan=cut HTTP/1.1\r\nHost: localhost\r\n\r\n',
    );
    let sent = '';
    for await (const chunk of socket) sent += String(chunk);
    expect(sent).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(sent).not.toContain('\r\n\r\n');
    const url = `${quiver.url}/m2/demo/profile/update?mbox3rdPartyId=crm-1&profile.plan=x`;
    await expect(quiver.fetch(url)).rejects.toThrow(TypeError);
    expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'x' });
  });

  test('for a share of calls are drawn from the seed', async () => {
    const struck = async () => {
      const quiver = await start({ seed: SEED });
      await quiver.faults.add({ route: 'fetch', probability: 0.5 });
      const found = [];
      for (let call = 0; call < 20; call += 1) found.push(await profile(quiver, 'thirdPartyId/crm-1'));
      return found.map((one) => one === 503);
    };
    const first = await struck();
    expect(new Set(first).size).toBe(2);
    expect(await struck()).toEqual(first);
  });

  test.each([
    [{}, 'route: must be given'],
    [{ route: 'fetch', status: 99 }, 'status: must be at least 200'],
    [{ route: 'fetch', often: 1 }, 'often: is unknown'],
    [{ route: 'fetch', times: 1, probability: 0.5 }, 'probability: cannot be given with times'],
  ])('refuse %j', async (fault, message) => {
    const quiver = await start();
    await expect(quiver.faults.add(fault as never)).rejects.toThrow(message);
  });
});

describe('the journal of a sandbox', () => {
  test('shows what was sent, named, changed and answered, without secrets', async () => {
    const quiver = await start({ seed: SEED });
    await fetch(`${quiver.url}/m2/demo/profile/update?mbox3rdPartyId=crm-1`, {
      method: 'POST',
      headers: { authorization: 'Bearer hidden-secret', cookie: 'a=hidden-secret' },
      body: new URLSearchParams({ 'profile.plan': 'black' }),
    });
    const [call] = await quiver.requests.find({ route: 'update' });
    expect(call).toMatchObject({
      client: 'demo',
      method: 'POST',
      path: '/m2/demo/profile/update',
      query: 'mbox3rdPartyId=crm-1',
      body: 'profile.plan=black',
      status: 200,
      ids: [{ kind: 'thirdPartyId', value: 'crm-1' }],
      changes: [{ what: 'updated', id: 'crm-1', attributes: { plan: 'black' } }],
    });
    expect(call?.at).toBe(NOW);
    expect(JSON.stringify(await quiver.requests.find())).not.toContain('hidden-secret');
    expect(JSON.stringify(await quiver.requests.har())).toContain('profile.plan=black');
  });

  test('tells apart visits that create, merge or only update', async () => {
    const quiver = await start();
    const { tntId } = await visit(quiver, {}, { step: 'cart' });
    await visit(quiver, { thirdPartyId: 'crm-1' });
    await visit(quiver, { tntId, thirdPartyId: 'crm-1' });
    await visit(quiver, { tntId }, { step: 'paid' });
    const calls = await quiver.requests.find({ route: 'visit' });
    expect(calls.map(({ changes }) => changes[0]?.what)).toEqual(['created', 'created', 'merged', 'updated']);
    expect(calls[0]?.ids).toEqual([{ kind: 'tntId', value: tntId }]);
  });

  test('shows the closest call when an expectation fails', async () => {
    const quiver = await start({ seed: SEED });
    await update(quiver, 'crm-2', 'x');
    await quiver.requests.expect({ route: 'update', thirdPartyId: 'crm-2' }, { times: 1 });
    const failing = quiver.requests.expect({ route: 'update', thirdPartyId: 'crm-1' }, { times: 1 });
    await expect(failing).rejects.toThrow('thirdPartyId is crm-2, not crm-1');
    await expect(quiver.requests.expect({ route: 'update' }, { times: 2 })).rejects.toThrow('found 1');
  });

  test('gives a reason for calls that were refused or found nothing', async () => {
    const quiver = await start({ clients: ['demo'] });
    await fetch(`${quiver.url}/rest/v2/profiles/x`);
    await fetch(`${quiver.url}/rest/v1/profiles/x?client=acme`);
    await update(quiver, 'nobody', 'x');
    expect((await quiver.requests.unmatched()).map(({ reason }) => reason)).toEqual([
      'No such path: /rest/v2/profiles/x',
      'No such client: acme',
      expect.stringContaining('No profile found'),
    ]);
  });

  test('keeps the latest 1,000 calls', { timeout: 120_000 }, async () => {
    const quiver = await start();
    for (let call = 0; call < 1010; call += 1) await profile(quiver, `t${call}`);
    const calls = await quiver.requests.find();
    expect([calls.length, calls[0]?.path]).toEqual([1000, '/rest/v1/profiles/t10']);
  });
});

test('shows calls meant for Adobe that were answered in process, with their host', async () => {
  const quiver = await start({ seed: SEED });
  const answer = await quiver.fetch('https://shop.tt.omtrdc.net/rest/v1/profiles/thirdPartyId/crm-1');
  expect(await answer.json()).toMatchObject({ client: 'shop', visitorId: 'crm-1' });
  const batch = new Request('https://shop.tt.omtrdc.net/m2/client/v2/profile/batchUpdate', {
    method: 'POST',
    body: 'batch=thirdPartyId,plan\ncrm-1,black\n',
  });
  expect(await (await quiver.fetch(batch)).text()).toContain('https://shop.tt.omtrdc.net/m2/');
  await quiver.clock.advance('PT1S');
  expect(await profile(quiver, 'thirdPartyId/crm-1', 'shop')).toMatchObject({ plan: 'black' });
  await quiver.requests.expect({ route: 'fetch', client: 'shop' }, { times: 2 });
});

test('a hundred clients side by side never see each other', { timeout: 120_000 }, async () => {
  const quiver = await start({ clients: ['demo'], seed: SEED });
  await Promise.all(
    Array.from({ length: 100 }, async (_, number) => {
      const own = await quiver.client();
      if (number % 2 === 0) await own.faults.add({ route: 'fetch', times: 1, status: 500 });
      await update(quiver, 'crm-1', `plan-${number}`, own.code);
      await own.clock.advance(`PT${number}H`);
      const first = await profile(quiver, 'thirdPartyId/crm-1', own.code);
      expect(first).toEqual(number % 2 === 0 ? 500 : { plan: `plan-${number}`, points: '7' });
      if (number % 3 === 0) await own.reset();
      const plan = number % 3 === 0 ? 'gold' : `plan-${number}`;
      expect(await profile(quiver, 'thirdPartyId/crm-1', own.code)).toEqual({ plan, points: '7' });
      expect(await own.requests.count()).toBe(number % 3 === 0 ? 1 : 3);
    }),
  );
  expect(await profile(quiver, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'gold' });
});

describe('a sandbox with a folder', () => {
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), 'quiver-kept-'));
    onTestFinished(() => rmSync(made, { recursive: true, force: true }));
    return join(made, 'data');
  };

  test('has everything at the next start, and is seeded only when empty', async () => {
    const data = folder();
    const first = await start({ data, seed: SEED });
    await update(first, 'crm-1', 'black');
    const before = await visit(first, {}, { step: 'cart' });
    await update(first, 'crm-2', 'red', 'acme');
    await first.reset();
    await update(first, 'crm-1', 'green');
    const { tntId } = await visit(first, {}, { step: 'paid' });
    expect(tntId).toBe(before.tntId);
    await first.close();
    const again = await start({ data, seed: [...SEED, { thirdPartyId: 'crm-3' }] });
    expect(await profile(again, 'thirdPartyId/crm-1')).toMatchObject({ plan: 'green' });
    expect(await profile(again, tntId)).toEqual({ step: 'paid' });
    expect(await profile(again, 'thirdPartyId/crm-2', 'acme')).toEqual({ plan: 'blue' });
    expect(await profile(again, 'thirdPartyId/crm-3')).toBe(404);
    expect(await profile(again, 'thirdPartyId/crm-3', 'new')).toEqual({});
    // A seed makes the same ids again: nobody is given one that somebody has.
    expect((await visit(again, {}, { step: 'new' })).tntId).not.toBe(tntId);
    // What was there before the start is in a snapshot too.
    await again.snapshot('all');
    await again.reset();
    expect(await profile(again, 'thirdPartyId/crm-3')).toEqual({});
    await again.restore('all');
    expect(await profile(again, tntId)).toEqual({ step: 'paid' });
  });

  test('serves one process at a time, and sandboxes only', async () => {
    const data = folder();
    const quiver = await start({ data });
    await expect(start({ data })).rejects.toThrow(`a sandbox is running on ${data}`);
    await quiver.close();
    const other = join(data, '..');
    const before = readdirSync(other);
    await expect(start({ data: other })).rejects.toThrow(`data: ${other} holds something that is no sandbox`);
    expect(readdirSync(other)).toEqual(before);
  });

  test('shows a new client of its own nothing of an earlier one', async () => {
    const data = folder();
    const first = await start({ data, seed: SEED });
    await update(first, 'crm-1', 'black', (await first.client()).code);
    await first.close();
    const again = await start({ data, seed: SEED });
    expect(await profile(again, 'thirdPartyId/crm-1', (await again.client()).code)).toMatchObject({
      plan: 'gold',
    });
  });
});

describe('the seed of a sandbox', () => {
  test.each([
    ['[{"tntId":"a"},\n {"tntId":}]', 'seed: line 2, column 11: must be valid JSON'],
    ['{"tntId":"a"}\n{"tntId":"b",}', 'seed: line 2, column'],
    ['- tntId: a\n- tntId: [', 'seed: line 2, column'],
    ['{"tntId":"a"}\n{"plan":"gold"}', 'line 2.plan: is unknown'],
    ['[{"tntId":"a","attributes":{"x":null}}]', 'seed[0].attributes.x: must be a string'],
    ['[{"attributes":{}}]', 'seed[0]: must have a tntId'],
    ['[{"tntId":"a","modifiedAt":"yesterday"}]', 'seed[0].modifiedAt: must be an ISO 8601 time'],
  ])('refuses %j', async (seed, message) => {
    const quiver = await start();
    await expect(quiver.seed(seed)).rejects.toThrow(message);
  });

  test('may be YAML, for one client, or with past times', async () => {
    const quiver = await start({
      seed: '- tntId: a\n  attributes: { plan: gold }\n- tntId: b\n  client: other\n- tntId: c\n  modifiedAt: 2025-12-01T00:00:00Z\n',
    });
    expect(await profile(quiver, 'a')).toEqual({ plan: 'gold' });
    expect(await profile(quiver, 'b')).toBe(404);
    expect(await profile(quiver, 'b', 'other')).toEqual({});
    expect(await profile(quiver, 'c')).toBe(404);
  });
});
