/** Callbacks of privacy requests, delivered to a real server on loopback (contract section 22). */

import { createHmac } from 'node:crypto';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PrivacyCallbacks } from '../src/privacy/privacy-callbacks.ts';
import { type PrivacyRequest, privacyRequestStore } from '../src/storage/kept/privacy-request-store.ts';
import { type CallbackTarget, type ReceivedCallback, startCallbackTarget } from './callback-target.ts';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';
import { describeOnBothEngines, type OpenStores } from './on-both-engines.ts';
import { until } from './until.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATH = '/demo/target/privacy/requests';
const SECRET_PATH = '/demo/target/privacy/callback-secret';
const ECID = '38279142358174038279142358174038279142';
const SECOND = 1000;

let quiver: InProcess;
let tntId: string;
let now: number;
let target: CallbackTarget;

beforeEach(async () => {
  now = Date.now();
  target = await startCallbackTarget();
});
afterEach(async () => {
  await quiver.close();
  await target.close();
});

const ask = (method: string, path: string, body?: unknown) =>
  quiver.ask(method, path, { headers, ...(body !== undefined && { body }) });
async function open(openStores: OpenStores, webhookAllow = ['127.0.0.1']): Promise<void> {
  quiver = await openInProcess({ webhookAllow }, () => now, openStores);
  tntId = await quiver.visit({ thirdPartyId: 'crm-1', marketingCloudVisitorId: ECID }, { plan: 'gold' });
}
async function request(type: string, callback: string | null = target.url): Promise<string> {
  const taken = await ask('POST', PATH, { type, identities: [{ thirdPartyId: 'crm-1' }], callback });
  expect(taken.status, taken.text).toBe(202);
  return taken.json.id;
}
const shown = async (id: string): Promise<Json> => (await ask('GET', `${PATH}/${id}`)).json;
/**
 * The request, once its callback has been tried that often.
 * @param round of the background process; the first attempt needs none
 */
async function tried(
  id: string,
  attempts: number,
  round = () => quiver.privacy.goOn(['demo']),
): Promise<Json> {
  let json: Json;
  await until(`the callback was tried ${attempts} times`, async () => {
    await round();
    json = await shown(id);
    return json.callback.attempts === attempts;
  });
  return json;
}
const secret = async (method = 'GET'): Promise<string> => (await ask(method, SECRET_PATH)).json.secret;
function signatureOf({ id, timestamp, body }: ReceivedCallback, whsec: string): string {
  const key = Buffer.from(whsec.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

describeOnBothEngines('callbacks of privacy requests', (openStores) => {
  test.each(['access', 'erase', 'suppress', 'unsuppress'])(
    'the end of a request of type %s is told once, signed, without an id of the person',
    async (type) => {
      await open(openStores);
      const id = await request(type);
      const json = await tried(id, 1, async () => {});
      expect(json).toMatchObject({
        ...{ id, state: 'complete' },
        callback: { state: 'delivered', url: null, error: null, deliveredAt: expect.stringMatching(/Z$/) },
      });
      expect(target.received).toHaveLength(1);
      const [one] = target.received as [ReceivedCallback];
      expect([one.method, one.path, one.id]).toEqual(['POST', '/hook?x=1', `msg_${id}`]);
      const { createdAt, finishedAt } = json;
      expect(JSON.parse(one.body)).toEqual({
        ...{ type: 'privacy.complete', timestamp: finishedAt },
        data: { client: 'demo', id, type, state: 'complete', createdAt, finishedAt },
      });
      expect(one.signature).toBe(signatureOf(one, await secret()));
      expect(one.timestamp).toBe(String(Math.floor(now / SECOND)));
      for (const value of [tntId, 'crm-1', ECID, json.results[0].reference]) {
        expect(one.body).not.toContain(value);
      }
      // The URL is not kept longer than it is needed.
      const kept = await privacyRequestStore(quiver.stores.records).find('demo', id);
      expect(JSON.stringify(kept)).not.toContain('/hook');
      await quiver.privacy.goOn(['demo']);
      await quiver.privacy.stop();
      expect(target.received).toHaveLength(1);
    },
  );

  test('it is tried again with the same id, later each time, until the target accepts it', async () => {
    await open(openStores);
    target.status = 500;
    const id = await request('suppress');
    expect((await tried(id, 1)).callback).toEqual({
      ...{ state: 'waiting', url: target.url, attempts: 1, error: 'answered 500', deliveredAt: null },
    });
    now += 5 * SECOND - 1;
    await quiver.privacy.goOn(['demo']);
    expect((await shown(id)).callback.attempts).toBe(1);
    now += 1;
    await tried(id, 2);
    now += 29 * SECOND;
    await quiver.privacy.goOn(['demo']);
    target.status = 204;
    now += SECOND;
    expect((await tried(id, 3)).callback).toMatchObject({ state: 'delivered', url: null, error: null });
    expect(target.received.map((one) => one.id)).toEqual(new Array(3).fill(`msg_${id}`));
    expect(target.received.map(({ body }) => JSON.parse(body).data.state)).toEqual(
      new Array(3).fill('complete'),
    );
  });

  test('it is given up after the last attempt, and at once when the target wants no more', async () => {
    await open(openStores);
    target.status = 503;
    const id = await request('suppress');
    for (let attempts = 1; attempts < 9; attempts += 1) {
      expect((await tried(id, attempts)).callback.state).toBe('waiting');
      now += 6 * 3600 * SECOND;
    }
    expect((await tried(id, 9)).callback).toMatchObject({
      state: 'failed',
      url: null,
      error: 'answered 503',
    });
    target.status = 410;
    expect((await tried(await request('unsuppress'), 1)).callback).toMatchObject({
      ...{ state: 'failed', url: null, error: 'answered 410' },
    });
    now += 6 * 3600 * SECOND;
    await quiver.privacy.goOn(['demo']);
    await quiver.privacy.stop();
    expect(target.received).toHaveLength(10);
  });

  test('what a process that died left behind is sent by another, by one of several only', async () => {
    await open(openStores);
    const id = await request('suppress', null);
    await until('it is complete', async () => (await shown(id)).state === 'complete');
    const requests = privacyRequestStore(quiver.stores.records);
    const left = {
      state: 'waiting',
      url: target.url,
      attempts: 0,
      nextAt: now + 60 * SECOND,
      error: '',
    } as const;
    await requests.change('demo', id, (kept) => ({ ...kept, callback: left }));
    const sent: string[] = [];
    const processes = Array.from({ length: 4 }, () => {
      const send = async (_: string, to: string) => {
        sent.push(to);
        return { isOk: true, status: 204, error: '' };
      };
      const log = pino({ level: 'silent' });
      return new PrivacyCallbacks({ requests, send, pauses: [], log, now: () => now });
    });
    const offered = async () => {
      const kept: PrivacyRequest = (await requests.find('demo', id))!;
      for (const one of processes) one.offer('demo', kept);
    };
    await offered();
    now += 60 * SECOND;
    await offered();
    await until('it is sent', async () => (await shown(id)).callback.state === 'delivered');
    await Promise.all(processes.map((one) => one.stop()));
    expect(sent).toEqual([target.url]);
  });
});

describe('callbacks of privacy requests', () => {
  test('go to no private address unless it is allowed, and follow no redirect', async () => {
    await open(undefined, []);
    const refused = await tried(await request('suppress'), 1);
    expect(refused.callback).toMatchObject({ state: 'waiting', error: expect.stringContaining('private') });
    expect(target.received).toEqual([]);
    await quiver.close();
    await open(undefined);
    target.status = 302;
    expect((await tried(await request('suppress'), 1)).callback.error).toBe('answered 302');
    expect(target.received.map(({ path }) => path)).toEqual(['/hook?x=1']);
  });

  test('are signed with the newest secret of the client', async () => {
    await open(undefined);
    const first = await secret();
    expect(first).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const second = await secret('POST');
    expect(second).not.toBe(first);
    expect(await secret()).toBe(second);
    await tried(await request('suppress'), 1);
    const [one] = target.received as [ReceivedCallback];
    expect(one.signature).toBe(signatureOf(one, second));
  });

  test('are refused when the URL is none, and nothing is stored', async () => {
    await open(undefined);
    for (const callback of [
      '',
      'nothing',
      'ftp://example.com',
      'http://u:p@example.com',
      'http://x/#y',
      1,
      {},
    ]) {
      const body = { type: 'erase', identities: [{ thirdPartyId: 'crm-1' }], callback };
      const { status: code, text } = await ask('POST', PATH, body);
      expect([callback, code]).toEqual([callback, 400]);
      expect(text).toContain('callback: must be an http or https URL');
    }
    expect(await privacyRequestStore(quiver.stores.records).list('demo')).toEqual([]);
    expect((await shown(await request('suppress', null))).callback).toBeNull();
  });
});
