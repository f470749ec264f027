/** The change feed over HTTP (contract section 18). */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN_TOKEN, fetchOf, type InProcess, type Json, openInProcess } from './in-process.ts';
import { until } from './until.ts';

const AS_ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };

let quiver: InProcess;
beforeEach(async () => {
  quiver = await openInProcess();
});
afterEach(() => quiver.close());

const ask = (query = '', headers: Record<string, string> = AS_ADMIN) =>
  quiver.ask('GET', `/demo/target/changes${query}`, { headers });
const page = async (query = '') => {
  const answer = await ask(query);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as { changes: Json[]; next: string; more: boolean };
};

test('the feed shows what a visit, an update, the console and a removal have changed, without values', async () => {
  await quiver.visit({ tntId: 'a', thirdPartyId: 'p' }, { color: 'a secret' });
  await quiver.ask('GET', '/m2/demo/profile/update?mboxPC=a&profile.size=secret');
  await quiver.ask('PATCH', '/demo/target/profiles?id=a&kind=tntId', {
    headers: AS_ADMIN,
    body: { attributes: { console: 'secret' } },
  });
  await quiver.ask('DELETE', '/rest/v1/profiles/a', { headers: AS_ADMIN });
  const { changes, next, more } = await page();
  expect(changes.map(({ cursor: _, at: __, profile: ___, ...rest }) => rest)).toEqual([
    { type: 'created', channel: 'visit', attributes: ['color', 'firstSessionStart'] },
    { type: 'linked', channel: 'visit', ids: [{ kind: 'tntId', id: 'a' }] },
    { type: 'updated', channel: 'update', attributes: ['size'] },
    { type: 'updated', channel: 'console', attributes: ['console'] },
    { type: 'removed', channel: 'removal' },
  ]);
  expect(JSON.stringify(changes)).not.toContain('secret');
  expect(changes.map(({ profile }) => profile.id)).toEqual(['p', 'p', 'a', 'a', 'a']);
  expect(new Date(changes[0].at).toISOString()).toBe(changes[0].at);
  expect({ next, more }).toEqual({ next: changes[4].cursor, more: false });
});

test('the feed continues after a cursor, by types and in pages, and keeps clients apart', async () => {
  for (const id of ['a', 'b', 'c']) await quiver.visit({ tntId: id });
  await quiver.ask('PUT', '/acme/target/clients/settings', { headers: AS_ADMIN, body: {} });
  await quiver.ask('POST', '/rest/v1/delivery?client=acme&sessionId=s', {
    body: { id: { tntId: 'other' }, context: { channel: 'web' }, execute: { pageLoad: {} } },
  });
  const first = await page('?limit=2');
  expect(first).toMatchObject({ more: true, changes: [{ profile: { id: 'a' } }, { profile: { id: 'b' } }] });
  const second = await page(`?limit=2&after=${first.next}`);
  expect(second.changes.map(({ profile }) => profile.id)).toEqual(['c']);
  expect((await page(`?after=${second.next}`)).changes).toEqual([]);
  expect((await page('?types=removed,merged')).changes).toEqual([]);
  expect((await page('?types=created&limit=1000')).changes).toHaveLength(3);
  const now = await page('?after=now');
  expect(now).toMatchObject({ changes: [], more: false });
  await quiver.visit({ tntId: 'd' });
  expect((await page(`?after=${now.next}`)).changes.map(({ profile }) => profile.id)).toEqual(['d']);
});

test('the feed includes the current profile on request, and null for one that is gone', async () => {
  await quiver.visit({ tntId: 'a' }, { x: '1' });
  await quiver.visit({ tntId: 'a', thirdPartyId: 'p' }, { x: '2' });
  await quiver.visit({ tntId: 'b' });
  await quiver.ask('DELETE', '/rest/v1/profiles/b', { headers: AS_ADMIN });
  const { changes } = await page('?include=profile');
  const [first, ...rest] = changes;
  expect(first.state.ids.map(({ kind, id }: Json) => `${kind} ${id}`)).toEqual(['tntId a', 'thirdPartyId p']);
  expect(first.state.attributes).toContainEqual(expect.objectContaining({ name: 'x', value: '2' }));
  expect(rest.slice(-2).map(({ type, state }) => [type, state])).toEqual([
    ['created', null],
    ['removed', null],
  ]);
});

test('the feed waits for a change, but no longer than requested', async () => {
  const { next } = await page();
  const waiting = page(`?wait=60&after=${next}`);
  await quiver.visit({ tntId: 'late' });
  expect((await waiting).changes.map(({ profile }) => profile.id)).toEqual(['late']);
  expect((await page('?wait=1&types=merged')).changes).toEqual([]);
  const stopped = page('?wait=60&types=merged');
  quiver.draining = true;
  expect((await stopped).changes).toEqual([]);
});

test.each([
  ['?limit=0', 'limit: must be a whole number from 1 to 1000'],
  ['?limit=1001', 'limit: must be a whole number from 1 to 1000'],
  ['?limit=x', 'limit: must be a whole number from 1 to 1000'],
  ['?wait=61', 'wait: must be a whole number from 0 to 60'],
  ['?types=born', 'types: must be some of created, updated, linked, merged, moved, expired, removed'],
  ['?include=values', 'include: must be profile'],
  ['?after=4711', 'after: must be a cursor of this feed, or now'],
])('the feed refuses %s', async (query, message) => {
  const answer = await ask(query);
  expect([answer.status, answer.json.errors[0].message]).toEqual([400, message]);
});

test('the feed is for administrators, says when changes have expired, and when there is no feed', async () => {
  expect((await ask('', {})).status).toBe(401);
  await quiver.visit({ tntId: 'a' });
  const gone = await ask('?after=aaaaaaaaaaaa-1');
  expect([gone.status, gone.json.errors[0].errorCode]).toEqual([410, 'Gone']);
  const off = await openInProcess({ changes: 'off' });
  const answer = await off.ask('GET', '/demo/target/changes?after=now', { headers: AS_ADMIN });
  expect([answer.status, answer.json.errors[0].message]).toEqual([
    404,
    'This server keeps no change feed (--changes)',
  ]);
  expect((await off.ask('GET', '/demo/target/changes', { headers: AS_ADMIN })).status).toBe(404);
  await off.close();
});

test('the feed comes as server-sent events, continues after Last-Event-ID, and ends with the server', async () => {
  await quiver.visit({ tntId: 'a' });
  await quiver.visit({ tntId: 'b' });
  const { changes } = await page();
  const headers = { ...AS_ADMIN, host: '127.0.0.1:8680', accept: 'text/event-stream' };
  const events = async (last: string) => {
    const url = 'http://in-process/demo/target/changes';
    return fetchOf(quiver.app, new Request(url, { headers: { ...headers, 'last-event-id': last } }));
  };
  const response = await events(changes[0].cursor);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let text = '';
  const reading = (async () => {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
  })();
  await until('the event came', async () => text.includes('event: created'));
  await quiver.visit({ tntId: 'c' });
  await until('the next event came', async () => text.includes('"c"'));
  quiver.draining = true;
  await reading;
  const told = [...text.matchAll(/^id: (.*)\nevent: (.*)\ndata: (.*)\n\n/gm)].map(([, id, event, data]) => {
    const change = JSON.parse(data!);
    expect(change.cursor).toBe(id);
    return `${event} ${change.profile.id}`;
  });
  expect(told).toEqual(['created b', 'created c']);
  expect((await events('aaaaaaaaaaaa-1')).status).toBe(410);
});
