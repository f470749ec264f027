/** The sandbox in use: Adobe's unmodified SDK, and the command line (contract section 13). */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../src/sandbox/start-sandbox.ts';
import { ADMIN_TOKEN, type Json, openInProcess } from './in-process.ts';
import { runQuiver } from './start-quiver.ts';

const TargetClient: Json = createRequire(import.meta.url)('@adobe/target-nodejs-sdk');
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const ADMIN = { QUIVER_ADMIN_TOKEN: 'a-token-for-this-test' };

test("the Node SDK works with Adobe's hosts and hints, and sends no packet to them", async () => {
  const { connect } = net.Socket.prototype;
  const connected: unknown[] = [];
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
    connected.push(args[0]);
    return connect.apply(this, args as Parameters<typeof connect>);
  } as typeof connect;
  await using quiver = await startSandbox({ clients: ['shop'] });
  try {
    await quiver.weather({ locationHints: true });
    const asked: string[] = [];
    const client = TargetClient.create({
      client: 'shop',
      organizationId: 'ABCDEF0123456789ABCDEF01@AdobeOrg',
      fetchApi(url: string, init: RequestInit) {
        asked.push(new URL(url).host);
        return quiver.fetch(url, init);
      },
    });
    const see = (profileParameters: object, targetCookie?: string) =>
      client.getOffers({
        request: { execute: { mboxes: [{ name: 'home', index: 1, profileParameters }] } },
        targetCookie,
      });
    const first = await see({ a: '1' });
    await see({ b: '2' }, first.targetCookie.value);
    expect(asked).toEqual(['shop.tt.omtrdc.net', 'mboxedge28.tt.omtrdc.net']);
    expect(connected).toEqual([]);
    const calls = await quiver.requests.find({ client: 'shop', route: 'visit' });
    expect(calls.map(({ changes }) => changes[0]?.what)).toEqual(['created', 'updated']);
  } finally {
    net.Socket.prototype.connect = connect;
  }
});

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** Starts a command on Node, and returns what it prints. */
function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  running.push(child);
  const started = { child, text: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    started.text += chunk.toString();
  });
  return started;
}

test('quiver sandbox serves until a signal, quiver watch shows its calls, and nothing is left behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-e2e-'));
  const sandbox = start(['serve', '--sandbox', '--port', '0'], { ...ADMIN, TMPDIR: folder });
  await expect.poll(() => sandbox.text, { timeout: 20_000 }).toContain('Console');
  expect(readdirSync(folder)).toHaveLength(1);
  const url = /^API +(\S+)$/m.exec(sandbox.text)![1]!;
  expect(sandbox.text).toMatch(/^Clients +any$/m);
  expect(sandbox.text).not.toContain('a-token-for-this-test');
  const watch = start(['watch', '--all', '--url', url], { QUIVER_TOKEN: ADMIN.QUIVER_ADMIN_TOKEN });
  const seen = async () => {
    await fetch(`${url}/rest/v1/profiles/thirdPartyId/crm-1?client=acme`);
    return watch.text;
  };
  await fetch(`${url}/rest/v1/profiles/x?client=acme`);
  await expect
    .poll(seen, { timeout: 20_000 })
    .toMatch(/fetch +404 .*acme +GET \/rest\/v1\/profiles\/thirdPartyId\/crm-1 +crm-1 +No profile found/);
  const ended = new Promise((resolve) => sandbox.child.once('exit', resolve));
  const watchEnded = new Promise((resolve) => watch.child.once('exit', resolve));
  sandbox.child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(await watchEnded).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

test.skipIf(process.platform === 'win32')('a test ended by Ctrl-C leaves no folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-interrupted-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const sandbox = new URL('../dist/sandbox.js', import.meta.url);
  const code = `import { startSandbox } from '${sandbox}';
    for (let count = 0; count < 12; count += 1) await startSandbox();
    console.log('started');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    env: { ...process.env, TMPDIR: folder },
  });
  running.push(child);
  let warned = '';
  child.stderr.on('data', (chunk: Buffer) => {
    warned += chunk.toString();
  });
  await once(child.stdout, 'data');
  expect(readdirSync(folder)).toHaveLength(12);
  child.kill('SIGINT');
  expect(await once(child, 'close')).toEqual([null, 'SIGINT']);
  expect(warned).toBe('');
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  [['--host', '0.0.0.0'], '--host: 0.0.0.0 is not loopback; --beyond-loopback allows it'],
  [['--now', 'noon'], '--now: must be an ISO 8601 time'],
  [['--ids', '42'], '--ids: must be random or seed:<text>'],
  [['--seed', '/nowhere.yaml'], '--seed: cannot read /nowhere.yaml: no such file or folder\n'],
  [['--data', tmpdir()], '--data: '],
  [
    ['--data', '/dev/null/x'],
    '--data: cannot mkdir /dev/null/x: a part of the path is not a folder (ENOTDIR)',
  ],
])('quiver sandbox %j is a usage error', async (flags, message) => {
  const { code, stderr } = await runQuiver(['sandbox', '--port', '0', ...flags], {
    runtime: 'node',
    env: ADMIN,
  });
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});

test('serve --sandbox refuses flags that a sandbox does not take', async () => {
  const { code, stderr } = await runQuiver(['serve', '--sandbox', '--workers', '2'], { runtime: 'node' });
  expect([code, stderr.trim()]).toEqual([2, 'quiver: --workers: not available in a sandbox']);
});

test('a server has none of the routes of a sandbox', async () => {
  const server = await openInProcess();
  try {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    expect((await server.ask('GET', '/sandbox', { headers })).status).toBe(404);
    expect((await server.ask('DELETE', '/sandbox/state', { headers })).status).toBe(404);
    const { paths } = (await server.ask('GET', '/openapi.json')).json;
    expect(Object.keys(paths).filter((path) => path.startsWith('/sandbox'))).toEqual([]);
  } finally {
    await server.close();
  }
});
