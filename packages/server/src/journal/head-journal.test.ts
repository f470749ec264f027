/**
 * The journal of one process of a server, and the combined journal of several (contract section
 * 11).
 */

import { expect, test, vi } from 'vitest';
import type { Call } from '../wire/call.ts';
import { jsonReply, updateReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { HeadJournal } from './head-journal.ts';
import type { JournalCall } from './journal-call.ts';
import { reportJournal, serverJournal } from './server-journal.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

/** The parts of a route that a journal reads. */
const route = (path: string, counts?: Route['counts'], scope: Route['scope'] = 'client') =>
  ({ method: 'GET', path, scope, ...(counts && { counts }) }) as Route;
const FETCH = route('/rest/v1/profiles/{tntId}', 'fetches');
const UPDATE = route('/m2/{client}/profile/update', 'updates');
const VISIT = route('/rest/v1/delivery');

function callTo(url: string, headers: Record<string, string> = {}, client = 'demo'): Call {
  const request = {
    method: 'POST',
    url,
    headers: new Headers(headers),
    body: null,
    arrayBuffer: async () => new TextEncoder().encode('hidden-secret').buffer,
  };
  return { request, client } as unknown as Call;
}

const journalOf = (keeps: number | 'refused', process = 0) =>
  new HeadJournal({ keeps, process, now: () => NOW });

test('the journal keeps the newest calls in order, and can forget those of one client', () => {
  const journal = journalOf(3);
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const client = name === 'd' ? 'acme' : 'demo';
    void journal.around(FETCH, callTo(`/rest/v1/profiles/${name}`, {}, client), () => jsonReply({}));
  }
  const paths = () => journal.find({}).map(({ path }) => path.at(-1));
  expect(paths()).toEqual(['c', 'd', 'e']);
  journal.clear('demo');
  expect(paths()).toEqual(['d']);
  void journal.around(FETCH, callTo('/rest/v1/profiles/f'), () => jsonReply({}));
  expect(paths()).toEqual(['d', 'f']);
  journal.clear(undefined);
  expect(paths()).toEqual([]);
});

test('a journal of refusals keeps the last hundred refused calls, and not that a fetch found nothing', async () => {
  const journal = journalOf('refused');
  const bad = () => jsonReply({ status: 400, message: 'sessionId: must be given' }, 400);
  const paths = () => journal.find({}).map(({ path, reason }) => [path, reason]);
  void journal.around(VISIT, callTo('/rest/v1/delivery'), () => jsonReply({}));
  void journal.around(FETCH, callTo('/rest/v1/profiles/nobody'), () => jsonReply({ message: 'No' }, 404));
  void journal.around(UPDATE, callTo('/m2/demo/profile/update'), () => updateReply(true, ''));
  expect(paths()).toEqual([]);
  void journal.around(VISIT, callTo('/rest/v1/delivery'), bad);
  await journal.around(UPDATE, callTo('/m2/demo/profile/update'), async () =>
    updateReply(false, 'No profile'),
  );
  journal.unrouted(callTo('/nowhere').request, jsonReply({ message: 'No such path' }, 404));
  expect(paths()).toEqual([
    ['/rest/v1/delivery', 'sessionId: must be given'],
    ['/m2/demo/profile/update', 'No profile'],
    ['/nowhere', 'No such path'],
  ]);
  for (let n = 0; n < 250; n += 1) void journal.around(VISIT, callTo(`/rest/v1/delivery?n=${n}`), bad);
  const kept = journal.find({});
  expect([kept.length, kept[0]!.query, kept.at(-1)!.query]).toEqual([100, 'n=150', 'n=249']);
});

test('an entry shows request line, headers and outcome, but no body and no secret', async () => {
  const journal = journalOf(10);
  const url = '/m2/demo/profile/update?mbox3rdPartyId=crm-1&access_token=hidden-secret&profile.plan=gold';
  const headers = { authorization: 'Bearer hidden-secret', cookie: 'a=hidden-secret', 'user-agent': 'curl' };
  await journal.around(UPDATE, callTo(url, headers), async () => updateReply(false, 'No profile found'));
  void journal.around(VISIT, callTo('/rest/v1/delivery?client=demo'), () =>
    jsonReply({ id: { tntId: 'abc.28_20' }, hidden: 'hidden-secret' }),
  );
  journal.unrouted(callTo('/nowhere').request, jsonReply({ message: 'No such path: /nowhere' }, 404));
  const calls = journal.find({});
  expect(calls).toMatchObject([
    {
      ...{ at: '2026-01-01T00:00:00.000Z', route: 'update', client: 'demo', method: 'POST', status: 200 },
      path: '/m2/demo/profile/update',
      query: 'mbox3rdPartyId=crm-1&access_token=…&profile.plan=gold',
      headers: { 'user-agent': 'curl' },
      ids: [{ kind: 'thirdPartyId', value: 'crm-1' }],
      reason: 'No profile found',
    },
    { route: 'visit', ids: [{ kind: 'tntId', value: 'abc.28_20' }], reason: undefined },
    { route: undefined, client: '', status: 404, reason: 'No such path: /nowhere' },
  ]);
  expect(JSON.stringify(calls)).not.toContain('hidden-secret');
});

test('calls that serve no client are not kept', () => {
  const journal = journalOf(10);
  const metrics = route('/metrics', undefined, 'server');
  expect(journal.around(metrics, callTo('/metrics'), () => jsonReply({}))).toMatchObject({ status: 200 });
  expect(journal.find({})).toEqual([]);
});

test('the journals of two processes appear as one, each call is streamed once, and clearing clears both', async () => {
  vi.useFakeTimers();
  try {
    const journals = [journalOf(10, 0), journalOf(10, 1)];
    let closes = 0;
    const source = serverJournal({
      askAll: async (query) => [...journals.map((journal) => reportJournal(journal, query)), null],
      onClose: () => () => (closes += 1),
      suppressedOf: () => undefined,
    });
    const call = (process: number, name: string) =>
      journals[process]!.around(FETCH, callTo(`/${name}`), () => jsonReply({}));
    call(0, 'a');
    call(1, 'b');
    call(0, 'c');
    call(0, 'd');
    const all = await source.calls({});
    expect(all.map(({ path }) => path)).toEqual(['/a', '/b', '/c', '/d']);
    expect(new Set(all.map(({ id }) => id)).size).toBe(4);
    expect(all.every(({ id }) => Number.isSafeInteger(id))).toBe(true);
    const told: string[] = [];
    const stop = await source.listen(
      undefined,
      ({ path }: JournalCall) => void told.push(path),
      () => {},
    );
    // Its number is lower than that of /d, which was reported before.
    call(1, 'e');
    await vi.advanceTimersByTimeAsync(1000);
    call(0, 'f');
    call(1, 'g');
    await vi.advanceTimersByTimeAsync(1000);
    expect(told.toSorted()).toEqual(['/e', '/f', '/g']);
    stop();
    call(0, 'h');
    await vi.advanceTimersByTimeAsync(1000);
    expect([told.length, closes, vi.getTimerCount()]).toEqual([3, 1, 0]);
    await source.clear('demo');
    expect(await source.calls({})).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test('a call that names a suppressed id of its client is not shown', async () => {
  const journal = journalOf(10);
  for (const [name, client] of [
    ['gone', 'demo'],
    ['gone.28_20', 'demo'],
    ['here', 'demo'],
    ['gone', 'acme'],
  ]) {
    void journal.around(FETCH, callTo(`/rest/v1/profiles/${name}`, {}, client), () => jsonReply({}));
  }
  const source = serverJournal({
    askAll: async (query) => [reportJournal(journal, query)],
    onClose: () => () => {},
    suppressedOf: async (client) =>
      client === 'demo' ? ({ kind, value }) => kind === 'tntId' && value === 'gone' : undefined,
  });
  const shown = (await source.calls({})).map(({ client, path }) => [client, path.split('/').at(-1)]);
  expect(shown).toEqual([
    ['demo', 'here'],
    ['acme', 'gone'],
  ]);
});

test('a process that does not answer makes the listing a 503', async () => {
  const source = serverJournal({
    askAll: () => Promise.reject(new Error('too late')),
    onClose: () => () => {},
    suppressedOf: () => undefined,
  });
  await expect(source.calls({})).rejects.toMatchObject({ status: 503 });
});
