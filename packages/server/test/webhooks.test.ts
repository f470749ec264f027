/** Webhooks over HTTP and their delivery to a real server on loopback (contract section 19). */

import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Rounds } from '../src/background.ts';
import { webhookRunner } from '../src/changes/webhooks/webhook-runner.ts';
import { WebhookTarget } from '../src/changes/webhooks/webhook-target.ts';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';
import { until } from './until.ts';

const AS_ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };

interface Received {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: string;
}

let quiver: InProcess;
let target: Server;
let url: string;
let received: Received[];
/** The status that the target answers; 204 by default. */
let statusOf: (received: Received) => number;
let secret: string;
const runners: Rounds[] = [];

beforeEach(async () => {
  quiver = await openInProcess();
  received = [];
  statusOf = () => 204;
  target = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const header = (name: string) => String(request.headers[`webhook-${name}`]);
      const one = {
        ...{ id: header('id'), timestamp: header('timestamp'), signature: header('signature') },
        body: Buffer.concat(chunks).toString(),
      };
      received.push(one);
      const status = statusOf(one);
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(target.address() as AddressInfo).port}/hook?x=1`;
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  target.closeAllConnections();
  await new Promise((resolve) => target.close(resolve));
  await quiver.close();
});

const ask = async (method: string, path = '', body?: unknown) => {
  const target = `/demo/target/webhooks${path}`;
  return quiver.ask(method, target, { headers: AS_ADMIN, ...(body !== undefined && { body }) });
};
async function makeWebhook(more: object = {}): Promise<Json> {
  const answer = await ask('POST', '', { url, ...more });
  expect(answer.status, answer.text).toBe(201);
  secret = answer.json.secret;
  return answer.json;
}
/** As in the background process of a server, but with short pauses. */
function deliver(pauses: readonly number[] = [1, 1]): Rounds {
  const runner = webhookRunner({
    ...{ webhooks: quiver.stores.webhooks, feed: quiver.stores.changes, clients: ['demo'], pauses },
    target: new WebhookTarget(['127.0.0.1']),
    secretOf: () => secret,
    log: pino({ level: 'silent' }),
    now: Date.now,
    lookEvery: 10,
  });
  runners.push(runner);
  runner.start();
  return runner;
}
const update = (id: string, value: string) =>
  quiver.ask('GET', `/m2/demo/profile/update?mboxPC=${id}&profile.x=${value}`);
const told = () => received.map(({ body }) => `${JSON.parse(body).type} ${JSON.parse(body).data.profile.id}`);

test('changes are delivered as signed Standard Webhooks without values', async () => {
  await quiver.visit({ tntId: 'before' });
  const { id, cursor, secret: shown } = await makeWebhook();
  deliver();
  await quiver.visit({ tntId: 'a' }, { x: 'a secret value' });
  await until('the change is delivered', async () => received.length === 1);
  const [{ id: messageId, timestamp, signature, body }] = received as [Received];
  expect(JSON.parse(body)).toMatchObject({
    type: 'profile.created',
    timestamp: expect.stringMatching(/Z$/),
    data: {
      client: 'demo',
      type: 'created',
      profile: { kind: 'tntId', id: 'a' },
      attributes: ['x', 'firstSessionStart'],
    },
  });
  expect(body).not.toContain('secret');
  expect(messageId).toBe(`msg_${JSON.parse(body).data.cursor}`);
  expect(shown).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const key = Buffer.from(shown.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update(`${messageId}.${timestamp}.${body}`).digest('base64');
  expect(signature).toBe(`v1,${expected}`);
  await until('it is noted', async () => (await ask('GET', `/${id}`)).json.cursor !== cursor);
  expect((await ask('GET', `/${id}`)).json).toMatchObject({
    waiting: 0,
    error: null,
    deliveredAt: expect.any(String),
  });
  expect((await ask('GET', `/${id}`)).json).not.toHaveProperty('secret');
});

test('changes of one profile arrive in order, and a failing one delays only its own profile', async () => {
  for (const id of ['a', 'b']) await quiver.visit({ tntId: id });
  await makeWebhook({ types: ['updated'] });
  let refusals = 3;
  statusOf = ({ body }) => (JSON.parse(body).data.profile.id === 'a' && refusals-- > 0 ? 500 : 200);
  for (let n = 0; n < 5; n += 1) for (const id of ['a', 'b']) await update(id, String(n));
  deliver([1, 1, 1, 1]);
  const delivered = (id: string) => {
    const of = received.filter(({ body }) => JSON.parse(body).data.profile.id === id).map((one) => one.id);
    return of.filter((one, place) => of.indexOf(one) === place);
  };
  await until('all are delivered', async () => delivered('a').length === 5 && delivered('b').length === 5);
  for (const id of ['a', 'b']) {
    const numbers = delivered(id).map((one) => Number(one.split('-')[1]));
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
  }
  // The first change of a was tried again before its second came.
  expect(received.filter(({ id }) => id === delivered('a')[0])).toHaveLength(4);
});

test('a change refused too often is kept and sent again on request, and others continue', async () => {
  const { id } = await makeWebhook();
  statusOf = ({ body }) => (JSON.parse(body).data.profile.id === 'bad' ? 503 : 200);
  await quiver.visit({ tntId: 'bad' });
  await quiver.visit({ tntId: 'good' });
  deliver();
  const failures = async () => (await ask('GET', `/${id}/failures`)).json.failures;
  await until('it is given up', async () => (await failures()).length === 1);
  expect((await failures())[0]).toMatchObject({
    attempts: 3,
    error: 'answered 503',
    message: { data: { profile: { id: 'bad' } } },
  });
  await until('the other is delivered', async () => told().includes('profile.created good'));
  statusOf = () => 200;
  received = [];
  expect((await ask('POST', `/${id}/failures/redeliver`)).json).toEqual({ redelivered: 1 });
  await until('it is delivered', async () => (await failures()).length === 0);
  expect(told()).toEqual(['profile.created bad']);
});

test('a change that is refused while others are accepted is given up after four attempts', async () => {
  const { id } = await makeWebhook();
  statusOf = ({ body }) => (JSON.parse(body).data.profile.id === 'bad' ? 422 : 200);
  await quiver.visit({ tntId: 'bad' });
  await quiver.visit({ tntId: 'good' });
  deliver(Array.from({ length: 1000 }, () => 20));
  await until('it waits', async () => (await ask('GET', `/${id}`)).json.waiting === 1);
  await quiver.visit({ tntId: 'later' });
  await until('it is given up', async () => (await ask('GET', `/${id}/failures`)).json.failures.length === 1);
  // It is kept first, and then counted as done.
  await until('none waits', async () => (await ask('GET', `/${id}`)).json.waiting === 0);
  expect((await ask('GET', `/${id}`)).json).toMatchObject({ error: 'answered 422' });
});

test('a new runner continues where the last one ended, with its failures counted', async () => {
  const { id } = await makeWebhook();
  statusOf = () => 500;
  await quiver.visit({ tntId: 'a' });
  const first = deliver([1, 3_600_000]);
  const waiting = async () => (await ask('GET', `/${id}`)).json.waiting === 1 && received.length === 2;
  await until('it waits', waiting);
  await first.stop();
  await quiver.stores.webhooks.advance('demo', id, (progress) => ({ ...progress, until: 0 }));
  statusOf = () => 200;
  await quiver.visit({ tntId: 'b' });
  const second = deliver([1, 3_600_000]);
  await until('the other is delivered', async () => told().includes('profile.created b'));
  expect(received.filter(({ body }) => body.includes('"a"'))).toHaveLength(2);
  await second.stop();
});

test('a paused webhook is left alone, and a 410 pauses it', async () => {
  const { id } = await makeWebhook();
  statusOf = () => 410;
  await quiver.visit({ tntId: 'a' });
  deliver();
  await until('it is paused', async () => (await ask('GET', `/${id}`)).json.paused);
  const before = received.length;
  await quiver.visit({ tntId: 'b' });
  statusOf = () => 200;
  expect((await ask('PATCH', `/${id}`, { paused: false })).json.paused).toBe(false);
  await until('both are delivered', async () => told().slice(before).length === 2);
});

test('a test call is made at once, follows no redirect, and reaches no private address unless allowed', async () => {
  const { id } = await makeWebhook();
  expect((await ask('POST', `/${id}/test`)).json).toEqual({ delivered: true, status: 204, error: null });
  expect(JSON.parse(received[0]!.body)).toMatchObject({ type: 'test', data: { client: 'demo' } });
  statusOf = () => 302;
  expect((await ask('POST', `/${id}/test`)).json).toEqual({
    delivered: false,
    status: 302,
    error: 'answered 302',
  });
  expect(received).toHaveLength(2);
  const port = (target.address() as AddressInfo).port;
  const strict = new WebhookTarget([]);
  const hosts = [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '10.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '2130706433',
  ];
  for (const host of hosts) {
    const sent = await strict.send(`http://${host}:${port}/`, secret, { id: 'x', body: '{}', at: 0 });
    expect([host, sent.error]).toEqual([host, expect.stringContaining('private address')]);
  }
  expect(received).toHaveLength(2);
});

test('webhooks have derived secrets that can be shown and replaced', async () => {
  const { id, secret: made } = await makeWebhook();
  expect((await ask('GET', `/${id}/secret`)).json.secret).toBe(made);
  const { secret: next } = (await ask('POST', `/${id}/secret`)).json;
  expect(next).not.toBe(made);
  expect((await ask('GET', `/${id}/secret`)).json.secret).toBe(next);
  const stored = await quiver.stores.webhooks.find('demo', id);
  for (const one of [made, next]) expect(JSON.stringify(stored)).not.toContain(one.slice('whsec_'.length));
});

test.each([
  [{}, 'url: must be an http or https URL of up to 2048 characters, without user and fragment'],
  [
    { url: 'ftp://x' },
    'url: must be an http or https URL of up to 2048 characters, without user and fragment',
  ],
  [
    { url: 'http://u:p@x/' },
    'url: must be an http or https URL of up to 2048 characters, without user and fragment',
  ],
  [
    { url: 'http://x/', types: ['born'] },
    'types: must be a list of some of created, updated, linked, merged, moved, expired, removed',
  ],
  [
    { url: 'http://x/', types: [] },
    'types: must be a list of some of created, updated, linked, merged, moved, expired, removed',
  ],
  [{ url: 'http://x/', paused: 1 }, 'paused: must be true or false'],
])('a webhook of %j is refused', async (body, message) => {
  const answer = await ask('POST', '', body);
  expect([answer.status, answer.json.errors[0].message]).toEqual([400, message]);
  expect((await ask('GET')).json.webhooks).toEqual([]);
});

test('a webhook is removed with everything that belongs to it, and their number is limited', async () => {
  const { id } = await makeWebhook();
  expect((await ask('GET')).json.webhooks).toHaveLength(1);
  expect((await ask('DELETE', `/${id}`)).status).toBe(204);
  expect((await ask('DELETE', `/${id}`)).status).toBe(404);
  expect(await quiver.stores.webhooks.progress('demo', id)).toBeUndefined();
  for (let n = 0; n < 20; n += 1) await makeWebhook();
  const answer = await ask('POST', '', { url });
  expect([answer.status, answer.json.errors[0].message]).toEqual([400, 'webhooks: a client may have 20']);
});
