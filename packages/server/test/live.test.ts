/** The live view of a server (contract section 11): as JSON and as server-sent events. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN_TOKEN, fetchOf, type InProcess, type Json, openInProcess } from './in-process.ts';
import { startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const AS_ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };
const STREAM = { accept: 'text/event-stream', host: '127.0.0.1:8680' };
const PATH = '/demo/target/live';

let clock = Date.UTC(2026, 7, 18, 23, 59);
let quiver: InProcess;
beforeEach(async () => {
  clock = Date.UTC(2026, 7, 18, 23, 59);
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const view = async (): Promise<Json> => (await quiver.ask('GET', PATH, { headers: AS_ADMIN })).json;

interface Following {
  readonly updates: Json[];
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>;
  leave(): Promise<void>;
}

async function follow(headers: Record<string, string> = AS_ADMIN): Promise<Following> {
  const request = new Request(`http://in-process${PATH}`, { headers: { ...STREAM, ...headers } });
  return following(await fetchOf(quiver.app, request));
}

function following(response: Response): Following {
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const updates: Json[] = [];
  const reader = response.body!.getReader();
  const ended = (async () => {
    for (let waiting = ''; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = `${waiting}${Buffer.from(value).toString()}`.split('\n\n');
      waiting = events.pop()!;
      for (const event of events) {
        expect(event).toMatch(/^event: live\ndata: \{.*\}$/);
        updates.push(JSON.parse(event.slice('event: live\ndata: '.length)));
      }
    }
  })();
  return { updates, ended, leave: () => reader.cancel() };
}

/** The last value of a member that was sent. */
const lastOf = ({ updates }: Following, member: string): Json =>
  updates.findLast((update) => update[member] !== undefined)?.[member];

async function upload(rows: number): Promise<void> {
  const lines = Array.from({ length: rows }, (_, n) => `crm-${n},gold\n`).join('');
  const body = `batch=thirdPartyId,plan\n${lines}`;
  expect((await quiver.ask('POST', '/m2/demo/v2/profile/batchUpdate', { body })).status).toBe(200);
}

test('it has traffic, server, batches and usage, and counts no call of an administrator', async () => {
  await quiver.visit({ tntId: 'a' });
  await quiver.ask('GET', '/rest/v1/profiles/nobody');
  await view();
  const seen = await view();
  expect(seen.traffic).toMatchObject({ calls: 2, refused: 1 });
  expect(seen.traffic.latency.at(-1)).toEqual({ seconds: null, calls: 2 });
  expect(seen).toMatchObject({
    server: { store: { kind: 'lmdb', profiles: 1 }, workers: 1 },
    diskFree: null,
    batches: [],
    requests: null,
  });
  expect(seen.usage).toHaveLength(30);
  expect(seen.usage.at(-1)).toMatchObject({ day: '2026-08-18', mboxCalls: 1 });
});

test('of its batches it has those that wait or run, and the last five others', async () => {
  for (let n = 0; n < 7; n += 1) await upload(1);
  await until('all are applied', async () => {
    const all = await quiver.ask('GET', '/demo/target/batches', { headers: AS_ADMIN });
    return all.json.batches.every(({ state }: Json) => state === 'complete');
  });
  const { batches } = await view();
  expect(batches).toHaveLength(5);
});

test('its events begin with every member; later ones have what has changed', async () => {
  await quiver.visit({ tntId: 'a' });
  const stream = await follow();
  await until('it has every member', async () => {
    const members = new Set(stream.updates.flatMap((update) => Object.keys(update)));
    return members.size === 7;
  });
  expect(stream.updates.flatMap(({ usage = [] }) => usage)).toHaveLength(30);
  const before = stream.updates.length;
  await quiver.visit({ tntId: 'b' });
  await upload(3);
  await until('it shows the calls', async () => lastOf(stream, 'traffic').calls === 3);
  await until('it shows the batch', async () => lastOf(stream, 'batches')[0]?.state === 'complete');
  await until('it shows the usage', async () => lastOf(stream, 'usage').at(-1).mboxCalls === 2);
  const later = stream.updates.slice(before);
  for (const { usage } of later.filter((update) => update.usage !== undefined))
    expect(usage.map(({ day }: Json) => day)).toEqual(['2026-08-18']);
  clock += 120_000;
  await quiver.visit({ tntId: 'c' });
  await until('it shows the next day', async () => lastOf(stream, 'usage').at(-1).day === '2026-08-19');
  await until('a second without change has an event too', async () =>
    stream.updates.slice(before).some((update) => Object.keys(update).join() === 'at'),
  );
  await stream.leave();
});

test('a stream ends when the server stops, and reads nothing once its reader has left', async () => {
  const stopped = await follow();
  await until('it began', async () => stopped.updates.length > 0);
  const left = await follow();
  await until('it began', async () => left.updates.length > 0);
  await left.leave();
  quiver.draining = true;
  await stopped.ended;
  quiver.draining = false;
  let reads = 0;
  const { figures } = quiver.stores;
  // Every reading differs, so a stream sends each of its own.
  (quiver.stores as { figures: typeof figures }).figures = async () => {
    reads += 1;
    return { profiles: reads, bytes: 0 };
  };
  const other = await follow();
  const sent = () => other.updates.filter(({ server }) => server !== undefined).length;
  await until('the other has read three times', async () => sent() === 3);
  expect(reads).toBe(3);
  await other.leave();
});

test('a stream ends when its session does', async () => {
  const signIn = await quiver.ask('POST', '/console/session', { body: { token: ADMIN_TOKEN } });
  const cookie = signIn.headers.get('set-cookie')!.split(';')[0]!;
  const stream = await follow({ cookie });
  await until('it began', async () => stream.updates.length > 0);
  const headers = { cookie, 'x-quiver-csrf': signIn.json.csrfToken };
  expect((await quiver.ask('DELETE', '/console/session', { headers })).status).toBe(204);
  await stream.ended;
});

test.each(['bun', 'node'] as const)(
  'on %s it has the calls of all workers, refused ones apart from others, without those of a suppressed person',
  async (runtime) => {
    const server = await startQuiver({ runtime, flags: ['--workers', '2', '--journal', '100'] });
    try {
      const headers = { authorization: `Bearer ${server.adminToken}` };
      const call = (path: string) =>
        fetch(`${server.url}/rest/v1/profiles/${path}`, { headers: { connection: 'close' } });
      for (let n = 0; n < 40; n += 1) await call(`nobody-${n}`);
      const json = async (): Promise<Json> => (await fetch(`${server.url}${PATH}`, { headers })).json();
      const first = await json();
      expect(first.traffic).toMatchObject({ calls: 40, refused: 40 });
      expect(first.requests.map(({ path }: Json) => path.split('-')[1])).toEqual([
        '35',
        '36',
        '37',
        '38',
        '39',
      ]);
      expect(first.diskFree).toBeGreaterThan(0);
      const stream = following(
        await fetch(`${server.url}${PATH}`, { headers: { ...headers, accept: 'text/event-stream' } }),
      );
      await until('it shows the kept calls', async () => lastOf(stream, 'requests')?.length === 5);
      const visit = JSON.stringify({ context: { channel: 'web' }, id: { tntId: 'one' } });
      const delivery = `${server.url}/rest/v1/delivery?client=demo&sessionId=s`;
      expect((await fetch(delivery, { method: 'POST', body: visit })).status).toBe(200);
      await until('it shows a call that succeeded', async () =>
        stream.updates.some(({ requests }) => requests?.some(({ route }: Json) => route === 'visit')),
      );
      expect((await json()).requests.map(({ route }: Json) => route)).toEqual([
        ...Array.from({ length: 5 }, () => 'fetch'),
        'visit',
      ]);
      const body = JSON.stringify({ type: 'suppress', identities: [{ tntId: 'nobody-39' }] });
      const sent = await fetch(`${server.url}/demo/target/privacy/requests`, {
        ...{ method: 'POST', headers, body },
      });
      expect(sent.ok).toBe(true);
      await until('the call of the suppressed person is gone', async () =>
        (await json()).requests.every(({ path }: Json) => !path.endsWith('-39')),
      );
      await stream.leave();
    } finally {
      await server.stop();
    }
  },
);
