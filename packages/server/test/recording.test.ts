/**
 * `quiver record` and `quiver replay`, with a second Quiver as the server that answers (contract
 * section 13).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { QuiverClient } from 'quiver-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parseRecording } from '../src/recording/recording.ts';
import type { RunningSandbox } from '../src/sandbox/public-types.ts';
import { startSandbox } from '../src/sandbox/start-sandbox.ts';
import { runQuiver } from './start-quiver.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const HEAD = '{"quiverRecording":1,"upstream":"http://a","startedAt":"2026-01-01T00:00:00Z"}';
/** None of these may appear in a recording. */
const SECRETS = {
  ids: ['crm-4711', 'crm-0815', 'crm-9999', 'erp-12', '12345678901234567890123456789012345678'],
  values: ['very-golden', 'navy blue', 'navy%20blue', 'shoe size', '4.5.6.7', 'session-of-ann'],
};

let upstream: RunningSandbox;
let folder: string;
let recorder: ChildProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-recording-'));
  upstream = await startSandbox({
    clients: ['shop'],
    seed: [
      { thirdPartyId: 'crm-4711', attributes: { plan: 'very-golden', color: 'navy blue' } },
      { thirdPartyId: 'crm-0815' },
    ],
  });
});
afterEach(() => {
  recorder?.kill('SIGKILL');
});
afterAll(async () => {
  await upstream?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Records what `calls` sends. @returns the text of the recording */
async function recorded(
  name: string,
  flags: readonly string[],
  calls: (url: string) => Promise<unknown>,
): Promise<{ file: string; text: string }> {
  const file = join(folder, name);
  const args = ['record', '--upstream', upstream.url, '--out', file, '--port', '0', ...flags];
  recorder = spawn(process.execPath, [MAIN, ...args]);
  let output = '';
  for (const stream of [recorder.stdout!, recorder.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  await expect.poll(() => output, { timeout: 20_000 }).toMatch(/^File/m);
  await calls(/^Recording +(\S+),/m.exec(output)![1]!);
  const ended = new Promise((resolve) => recorder!.once('exit', resolve));
  recorder.kill('SIGTERM');
  expect(await ended).toBe(0);
  return { file, text: await readFile(file, 'utf8') };
}

async function shopCalls(url: string): Promise<void> {
  const shop = new QuiverClient({ url, client: 'shop', token: 'a-profile-token-of-the-shop' });
  const first = await shop.visit({
    sessionId: 'session-of-ann',
    id: { marketingCloudVisitorId: SECRETS.ids[4]! },
    execute: { mboxes: [{ index: 0, name: 'home', profileParameters: { lastSeen: 'navy blue', n: 7 } }] },
  });
  const tntId = first!.id.tntId!;
  // A sign-in, and the merge that it causes.
  await shop.visit({
    id: {
      tntId,
      thirdPartyId: 'crm-4711',
      customerIds: [{ id: 'erp-12', integrationCode: 'erp', authenticatedState: 'authenticated' }],
    },
    execute: { pageLoad: { profileParameters: { token: 'very-golden' } } },
  });
  expect(await shop.fetchProfile({ thirdPartyId: 'crm-4711' })).toBeDefined();
  expect(await shop.fetchProfile({ tntId })).toBeDefined();
  expect(await shop.fetchProfile({ thirdPartyId: 'crm-9999' })).toBeUndefined();
  expect(await shop.updateProfile({ thirdPartyId: 'crm-0815' }, { plan: 'shoe size', ip: '4.5.6.7' })).toBe(
    true,
  );
  expect(await shop.updateProfile({ thirdPartyId: 'crm-9999' }, { plan: 'very-golden' })).toBe(false);
  await fetch(`${url}/m2/shop/profile/update`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: 'a=very-golden' },
    body: 'mbox3rdPartyId=crm-0815&profile.color=navy%20blue',
  });
  const rows = 'batch=thirdPartyId,plan\ncrm-4711,navy%20blue\ncrm-9999,very-golden\n';
  const batch = await fetch(`${url}/m2/shop/v2/profile/batchUpdate`, {
    method: 'POST',
    headers: { 'content-encoding': 'gzip' },
    body: gzipSync(rows),
  });
  expect(await batch.text()).toContain('<success>true</success>');
  await upstream.clock.advance('PT0S');
  expect((await shop.fetchProfile({ thirdPartyId: 'crm-9999' }))?.profileAttributes.plan?.value).toBe(
    'very-golden',
  );
  const admin = new QuiverClient({ url, client: 'shop', token: upstream.adminToken });
  expect((await admin.admin.newToken()).accessToken).toContain('.');
  await fetch(`${url}/rest/v1/profiles/${'x'.repeat(200)}?client=shop`);
  await fetch(
    `${url}/m2/shop/ubox/raw?mbox=home&mboxSession=session-of-ann&mboxPC=${tntId}&profile.a=4.5.6.7`,
  );
}

test('a recording has no token, id or value, replays the same, and works as a seed', async () => {
  const seedFile = join(folder, 'seed.ndjson');
  const { file, text } = await recorded('calls.ndjson', ['--seed', seedFile], shopCalls);
  const requests = await upstream.requests.find();
  const secrets = [
    ...Object.values(SECRETS).flat(),
    ...['a-profile-token-of-the-shop', upstream.adminToken],
    ...requests.flatMap(({ ids }) => ids.map(({ value }) => value)),
  ];
  for (const secret of secrets) expect(text, secret).not.toContain(secret);
  expect(text).not.toMatch(/eyJ[\w-]+\./);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const lines = text.trim().split('\n');
  expect(lines).toHaveLength(1 + 13);
  expect(JSON.parse(lines[0]!)).toMatchObject({ quiverRecording: 1, redacted: { ids: true, values: true } });

  const { code, stdout } = await runQuiver(['replay', file], { runtime: 'node' });
  expect([code, stdout]).toEqual([0, '13 calls, 0 answered differently\n']);

  const seed = (await readFile(seedFile, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(seed).toHaveLength(2);
  expect(Object.keys(seed[0].attributes)).toEqual(['plan', 'color']);
  await using again = await startSandbox({ seed: await readFile(seedFile, 'utf8') });
  const found = await fetch(`${again.url}/rest/v1/profiles/thirdPartyId/${seed[0].thirdPartyId}?client=shop`);
  expect(found.status).toBe(200);
});

test('a replay with different answers reports each by line and ends with exit code 1', async () => {
  const { file, text } = await recorded('other.ndjson', ['--keep-ids', '--keep-values'], async (url) => {
    const shop = new QuiverClient({ url, client: 'shop', token: 'a-profile-token-of-the-shop' });
    await shop.fetchProfile({ thirdPartyId: 'crm-4711' });
    await shop.fetchProfile({ thirdPartyId: 'nobody' });
    await shop.updateProfile({ thirdPartyId: 'nobody' }, { plan: 'x' });
  });
  expect(text).toContain('crm-4711');
  expect(text).not.toContain('a-profile-token-of-the-shop');
  const lines = text.trim().split('\n');
  // The other server knows an extra person, was changed afterwards, and accepts every update.
  const known = JSON.parse(lines[2]!);
  const update = JSON.parse(lines[3]!);
  lines[2] = JSON.stringify({ ...known, status: 200, reply: '{"profileAttributes":{"late":{"value":"1"}}}' });
  lines[3] = JSON.stringify({ ...update, reply: update.reply.replace('false', 'true') });
  const second = JSON.parse(lines[1]!);
  const reply = JSON.parse(second.reply);
  reply.profileAttributes.late = { value: 'a', modifiedAt: '2999-01-01T00:00:00.000+00:00' };
  lines[1] = JSON.stringify({ ...second, reply: JSON.stringify(reply) });
  await writeFile(file, lines.join('\n'));
  const { code, stdout } = await runQuiver(['replay', file], { runtime: 'node' });
  expect(code).toBe(1);
  expect(stdout.split('\n').slice(0, 2)).toEqual([
    'line 2: GET /rest/v1/profiles/thirdPartyId/crm-4711: attribute late: is missing, was "a"',
    'line 3: GET /rest/v1/profiles/thirdPartyId/nobody: attribute late: is missing, was "1"',
  ]);
  expect(stdout).toMatch(/^3 calls, [23] answered differently$/m);
  const json = await runQuiver(['replay', file, '--json'], { runtime: 'node' });
  expect(JSON.parse(json.stdout).differences[0]).toMatchObject({ line: 2 });
});

test('an unreachable server is a 502, also in the recording', async () => {
  const file = join(folder, 'dead.ndjson');
  recorder = spawn(process.execPath, [
    MAIN,
    'record',
    '--upstream',
    'http://127.0.0.1:9',
    '--out',
    file,
    '--port',
    '0',
  ]);
  let output = '';
  recorder.stdout!.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await expect.poll(() => output, { timeout: 20_000 }).toMatch(/^File/m);
  const answer = await fetch(`${/^Recording +(\S+),/m.exec(output)![1]}/rest/v1/profiles/a?client=shop`);
  expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining('does not answer')]);
  expect((await readFile(file, 'utf8')).split('\n')[1]).toContain('"status":502');
});

test.each([
  [['record', '--upstream', 'shop.tt.omtrdc.net', '--out', 'x'], 2, 'must be scheme, host and port'],
  [['record', '--out', 'x'], 2, "required option '--upstream <url>' not specified"],
  [
    ['record', '--upstream', 'http://127.0.0.1:9', '--out', '/proc/version', '--port', '0'],
    1,
    '--out: EEXIST',
  ],
  [['replay', '/nowhere.ndjson'], 2, '/nowhere.ndjson: ENOENT'],
])('quiver %j is refused', async (args, exitCode, message) => {
  const { code, stderr } = await runQuiver(args as string[], { runtime: 'node' });
  expect([code, stderr]).toEqual([exitCode, expect.stringContaining(message as string)]);
});

test.each([
  ['', 'line 1: must be a JSON object'],
  ['{"a":1}', 'line 1: quiverRecording: must be 1'],
  [`${HEAD}\nx`, 'line 2: must be a JSON object'],
  [`${HEAD}\n\n{"at":"2026-01-01"}`, 'line 3: method: must be a string'],
  [
    `${HEAD}\n{"at":"noon","method":"GET","target":"/","reply":"","status":200}`,
    'line 2: at: must be a time',
  ],
])('the file %j is not a recording', (text, message) => {
  expect(() => parseRecording(text)).toThrow(message);
});
