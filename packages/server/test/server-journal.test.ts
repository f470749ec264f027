/** The journal of a server with several workers (contract section 11), on both runtimes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type Quiver, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const CALLS = 60;
const SECRET = 'never-to-be-seen';

let quiver: Quiver | undefined;
let watch: ChildProcess | undefined;
afterEach(async () => {
  watch?.kill('SIGKILL');
  await quiver?.stop();
});

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${quiver!.url}${path}`, { ...init, headers: { authorization: `Bearer ${quiver!.adminToken}` } });

/** A call on a separate connection, so that the workers share them. */
const call = (name: string) =>
  fetch(`${quiver!.url}/rest/v1/delivery?client=demo&sessionId=${name}&mbox3rdPartyId=${name}`, {
    method: 'POST',
    headers: { connection: 'close', authorization: `Bearer ${SECRET}`, cookie: `a=${SECRET}` },
    body: JSON.stringify({
      context: { channel: 'web' },
      execute: { pageLoad: { profileParameters: { hidden: SECRET } } },
    }),
  });

test.each(['bun', 'node'] as const)('the journal on %s has the calls of all workers', async (runtime) => {
  quiver = await startQuiver({ runtime, flags: ['--workers', '2', '--journal', '1000'] });
  expect((await fetch(`${quiver.url}/requests`)).status).toBe(401);
  for (let n = 0; n < CALLS; n += 1) expect((await call(`crm-${n}`)).status).toBe(200);
  await fetch(`${quiver.url}/rest/v1/profiles/nobody`);
  const listing = await (await ask('/requests')).text();
  expect(listing).not.toContain(SECRET);
  const { requests } = JSON.parse(listing);
  expect(requests.map(({ route }: { route: string }) => route)).toEqual([
    ...Array.from({ length: CALLS }, () => 'visit'),
    'fetch',
  ]);
  expect(requests.at(-1)).toMatchObject({ status: 404, reason: expect.stringContaining('No profile found') });
  // The number of a call identifies its worker.
  expect(new Set(requests.map(({ id }: { id: number }) => id % 64)).size).toBe(2);
  expect(await (await ask('/requests/count?id=crm-7')).json()).toEqual({ count: 1 });
  const server = await (await ask('/demo/target/server')).json();
  expect(server).toMatchObject({ requests: '/requests', sandbox: false });

  // Its calls are gone; those of the others are kept.
  const [victim] = await quiver.workers();
  process.kill(victim!, 'SIGKILL');
  await until('both serve again', async () => (await quiver!.workers()).length === 2);
  await until('it lists again', async () => (await ask('/requests')).status === 200);

  const env = { ...process.env, QUIVER_TOKEN: quiver.adminToken, QUIVER_URL: quiver.url };
  watch = spawn(process.execPath, [MAIN, 'watch'], { env });
  let seen = '';
  watch.stdout!.on('data', (text: Buffer) => {
    seen += text.toString();
  });
  let sent = 0;
  const sendLater = async () => {
    sent += 1;
    await call(`later-${sent}`);
  };
  // Calls sent before it listens are not shown.
  await until('watch shows a call', async () => {
    await sendLater();
    return seen.includes('later-');
  });
  const first = sent + 1;
  for (let more = 0; more < 10; more += 1) await sendLater();
  await until('watch shows all', async () => seen.includes(`later-${sent} `));
  for (let one = first; one <= sent; one += 1) expect(seen.split(`later-${one} `)).toHaveLength(2);
  expect((await ask('/requests', { method: 'DELETE' })).status).toBe(204);
  expect(await (await ask('/requests/count')).json()).toEqual({ count: 0 });
  const ended = new Promise((resolve) => watch!.once('exit', resolve));
  await quiver.stop();
  expect(await ended).toBe(0);
});

test('a server shows by default why calls were refused, and no others', async () => {
  quiver = await startQuiver({ flags: ['--workers', '2'] });
  expect(await (await ask('/demo/target/server')).json()).toMatchObject({
    requests: '/requests',
    requestsKept: 'refused',
  });
  const visit = (query: string) =>
    fetch(`${quiver!.url}/rest/v1/delivery?client=demo&${query}`, { method: 'POST', body: '{"context":{}}' });
  expect((await call('fine')).status).toBe(200);
  expect((await visit('sessionId=s1')).status).toBe(400);
  const erased = await ask('/demo/target/privacy/requests', {
    method: 'POST',
    body: JSON.stringify({ type: 'suppress', identities: [{ thirdPartyId: 'crm-gone' }] }),
  });
  expect(erased.status).toBe(202);
  expect((await visit('sessionId=s1&mbox3rdPartyId=crm-gone')).status).toBe(400);
  const { requests } = (await (await ask('/requests')).json()) as { requests: { reason: string }[] };
  const reason = expect.stringContaining('context.channel');
  await until('the suppression holds', async () => {
    const { count } = (await (await ask('/requests/count')).json()) as { count: number };
    return count === 1;
  });
  expect(requests[0]).toMatchObject({
    status: 400,
    route: 'visit',
    client: 'demo',
    query: 'client=demo&sessionId=s1',
    reason,
  });
});

test('a server with --journal 0 has no journal', async () => {
  quiver = await startQuiver({ flags: ['--workers', '1', '--journal', '0'] });
  expect((await ask('/requests')).status).toBe(404);
  const { paths } = (await (await ask('/openapi.json')).json()) as { paths: object };
  expect(Object.keys(paths)).not.toContain('/requests');
  expect(await (await ask('/demo/target/server')).json()).toMatchObject({
    requests: null,
    requestsKept: null,
  });
});
