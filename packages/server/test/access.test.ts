/** Access on running servers: the commands, several workers, and the files on disk. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Quiver, type RuntimeName, runQuiver, startQuiver } from './start-quiver.ts';

const UNKNOWN = '/rest/v1/profiles/thirdPartyId/nobody';

describe.each<RuntimeName>(['bun', 'node'])('access on %s', (runtime) => {
  let server: Quiver;
  beforeAll(async () => {
    server = await startQuiver({
      runtime,
      flags: ['--workers', '2', '--client', 'demo', '--client', 'acme'],
    });
  });
  afterAll(() => server.stop());

  const run = (...args: string[]) =>
    runQuiver(args, { runtime, env: { QUIVER_URL: server.url, QUIVER_TOKEN: server.adminToken } });
  // A new connection each time, so that every worker is asked.
  const statusOf = async (token?: string) => {
    const response = await fetch(server.url + UNKNOWN, {
      headers: { connection: 'close', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });
    await response.arrayBuffer();
    return response.status;
  };
  /** The answers of every worker, without waiting first. */
  const atOnce = async (token?: string) =>
    new Set(await Promise.all(Array.from({ length: 24 }, () => statusOf(token))));

  test('a switch, a new token and its revocation apply in every worker once they are answered', async () => {
    expect(await atOnce()).toEqual(new Set([404]));
    expect((await run('settings', 'enableProfileApiAuthentication=true')).code).toBe(0);
    expect(await atOnce()).toEqual(new Set([403]));

    const made = await run('token', 'new', '--expires-in', '30d');
    expect(made.code).toBe(0);
    const first = made.stdout.trim();
    expect(made.stderr).toContain('valid for 30 days');
    expect((await run('token', 'show')).stdout.trim()).toBe(first);
    expect(await atOnce(first)).toEqual(new Set([404]));

    const second = (await run('token', 'new')).stdout.trim();
    expect(second).not.toBe(first);
    expect(await atOnce(first)).toEqual(new Set([403]));
    expect(await atOnce(second)).toEqual(new Set([404]));

    expect((await run('token', 'end')).code).toBe(0);
    expect(await atOnce(second)).toEqual(new Set([403]));
    expect(await run('token', 'show')).toMatchObject({ code: 1, stdout: '' });
    expect((await run('settings', 'enableProfileApiAuthentication=null')).stdout).toContain(
      'enableProfileApiAuthentication  false',
    );
    expect(await atOnce()).toEqual(new Set([404]));
  });

  test('signing out ends the session in every worker, even for a kept cookie', async () => {
    const session = `${server.url}/console/session`;
    const signedIn = await fetch(session, {
      method: 'POST',
      body: JSON.stringify({ token: server.adminToken }),
    });
    const cookie = signedIn.headers.get('set-cookie')!.split(';', 1)[0]!;
    const statuses = async () => {
      const one = () => fetch(session, { headers: { connection: 'close', cookie } });
      return new Set((await Promise.all(Array.from({ length: 12 }, one))).map(({ status }) => status));
    };
    expect(await statuses()).toEqual(new Set([200]));
    expect((await fetch(session, { method: 'DELETE', headers: { cookie } })).status).toBe(204);
    expect(await statuses()).toEqual(new Set([401]));
    const read = await fetch(`${server.url}/demo/target/server`, { headers: { cookie } });
    expect(read.status).toBe(401);
  });

  test('an administrator sees what was changed a moment ago, whichever worker answers', async () => {
    const ask = async (method: string, path: string, body?: object) => {
      const response = await fetch(`${server.url}/demo/target/${path}`, {
        method,
        headers: { connection: 'close', authorization: `Bearer ${server.adminToken}` },
        ...(body && { body: JSON.stringify(body) }),
      });
      return (await response.json()) as Record<string, unknown>;
    };
    const token = 'authentication/token?authorizationScope=profile_api';
    for (let n = 1; n <= 20; n += 1) {
      const made = await ask('POST', token);
      expect((await ask('GET', token)).accessToken).toBe(made.accessToken);
      await ask('PATCH', 'clients/settings', { profileLifetimeDays: n });
      expect((await ask('GET', 'clients/settings')).profileLifetimeDays).toBe(n);
    }
    await ask('PATCH', 'clients/settings', { profileLifetimeDays: null });
    await fetch(`${server.url}/demo/target/${token}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${server.adminToken}` },
    });
  });

  test('wrong settings are refused by name and change nothing', async () => {
    const before = (await run('settings', '--json')).stdout;
    const refused = await run('settings', 'tokenLifetimeDays=10', 'profileLifetimeDays=91');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('profileLifetimeDays: must be a whole number from 1 to 90, not 91');
    expect((await run('settings', '--json')).stdout).toBe(before);
  });

  test('a name that looks misspelt is refused, and stored with --force', async () => {
    const refused = await run('settings', 'profileLifetimeDay=30');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('did you mean profileLifetimeDays?');
    expect((await run('settings', '--json')).stdout).not.toContain('"profileLifetimeDay"');
    expect((await run('settings', 'profileLifetimeDay=30', '--force')).code).toBe(0);
    expect((await run('settings', '--json')).stdout).toContain('"profileLifetimeDay"');
    expect((await run('settings', 'profileLifetimeDay=null')).stderr).not.toContain('did you mean');
    expect((await run('settings', '--json')).stdout).not.toContain('"profileLifetimeDay"');
  });

  test('the debug token is created, shown and revoked separately from the profile token', async () => {
    const profile = (await run('token', 'new')).stdout;
    const debug = (await run('token', 'new', '--debug')).stdout;
    expect(debug).not.toBe(profile);
    expect((await run('token', 'show', '--debug')).stdout).toBe(debug);
    expect((await run('token', 'show')).stdout).toBe(profile);
    expect((await run('token', 'end', '--debug')).stderr).toContain(
      'the debug token of demo has been revoked',
    );
    expect((await run('token', 'show', '--debug')).stderr).toContain('No debug token for client demo');
    expect((await run('token', 'show')).stdout).toBe(profile);
    await run('token', 'end');
  });

  test('tokens and keys are on the disk only in their own files, and never in the log', async () => {
    const token = (await run('token', 'new')).stdout.trim();
    const key = (await readFile(join(server.dataDir, 'signing-key'), 'utf8')).trim();
    for (const name of ['admin-token', 'signing-key']) {
      expect((await stat(join(server.dataDir, name))).mode & 0o777, name).toBe(0o600);
    }
    const secrets = [token, key, server.adminToken];
    for (const entry of await readdir(server.dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || ['admin-token', 'signing-key'].includes(entry.name)) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      for (const secret of secrets) expect(bytes.includes(secret), entry.name).toBe(false);
    }
    for (const secret of [token, key]) expect(server.stdout() + server.stderr()).not.toContain(secret);
    expect(server.stderr()).not.toContain(server.adminToken);
  });
});
