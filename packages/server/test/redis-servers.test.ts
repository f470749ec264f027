/**
 * Servers over one Redis Cluster, as processes: what one does is visible to the other, and each may
 * die.
 */

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRedis, type RedisNodes, startRedisNodes } from './redis-nodes.ts';
import { type Quiver, type QuiverOptions, runQuiver, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const KEY = 'a key that is long enough to sign with';
const ADMIN = 'an-admin-token-of-the-test';
const ROWS = 20_000;
const PROFILES = 2000;

describe.skipIf(!hasRedis)('servers over one Redis Cluster', () => {
  let cluster: RedisNodes;
  let one: Quiver;
  let other: Quiver;
  const flags = (prefix: string) => [
    '--store',
    `redis://${cluster.seeds}`,
    '--store-prefix',
    prefix,
    '--workers',
    '1',
  ];
  const env = { QUIVER_SIGNING_KEY: KEY, QUIVER_ADMIN_TOKEN: ADMIN };
  const start = (prefix: string, options: QuiverOptions = {}) =>
    startQuiver({ ...options, flags: flags(prefix), env });
  beforeAll(async () => {
    cluster = await startRedisNodes();
    [one, other] = await Promise.all([start('shared'), start('shared', { runtime: 'node' })]);
  });
  afterAll(async () => {
    await Promise.all([one?.stop(), other?.stop()]);
    await cluster?.stop();
  });

  const admin = (quiver: Quiver, path: string, init: RequestInit = {}) =>
    fetch(`${quiver.url}/demo/target/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    });
  const upload = (quiver: Quiver, body: string) =>
    fetch(`${quiver.url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body });
  const progressOf = async (quiver: Quiver, batchId: string) =>
    (await (await admin(quiver, `batches/${batchId}`)).json()) as { consumed: number };

  test('each fetch, visit and remove a profile that the other has written', async () => {
    const visit = await fetch(`${one.url}/rest/v1/delivery?client=demo&sessionId=s`, {
      method: 'POST',
      body: JSON.stringify({
        id: { tntId: 'device', thirdPartyId: 'person' },
        context: { channel: 'web' },
        execute: { pageLoad: { profileParameters: { tier: 'gold' } } },
      }),
    });
    expect(visit.status).toBe(200);
    const fetched = await fetch(`${other.url}/rest/v1/profiles/thirdPartyId/person?client=demo`);
    expect(await fetched.json()).toMatchObject({ profileAttributes: { tier: { value: 'gold' } } });
    const update = await fetch(`${other.url}/m2/demo/profile/update?mboxPC=device&profile.tier=silver`);
    expect(await update.text()).toContain('true');
    const again = await fetch(`${one.url}/rest/v1/profiles/device?client=demo`);
    expect(await again.json()).toMatchObject({ profileAttributes: { tier: { value: 'silver' } } });
    const path = 'rest/v1/profiles/thirdPartyId/person?client=demo';
    const headers = { authorization: `Bearer ${ADMIN}` };
    expect((await fetch(`${one.url}/${path}`, { method: 'DELETE', headers })).status).toBe(204);
    expect((await fetch(`${other.url}/rest/v1/profiles/device?client=demo`)).status).toBe(404);
  });

  test('undo a merge, and an erased person is in no record of a merge', async () => {
    const visit = (id: Record<string, string>, profileParameters: Record<string, string> = {}) =>
      fetch(`${one.url}/rest/v1/delivery?client=demo&sessionId=s`, {
        method: 'POST',
        body: JSON.stringify({
          ...{ id, context: { channel: 'web' } },
          execute: { pageLoad: { profileParameters } },
        }),
      });
    const merges = async () => {
      const reply = await admin(one, 'merges?tntId=merged-device');
      expect(reply.status).toBe(200);
      return ((await reply.json()) as { merges: { id: string; undoneAt?: string }[] }).merges;
    };
    const undo = (id: string) => admin(one, `merges/${id}/unmerge`, { method: 'POST' });
    await visit({ tntId: 'merged-device' }, { secret: 'value-of-the-person' });
    await visit({ thirdPartyId: 'merged-person', tntId: 'merged-other' });
    await visit({ thirdPartyId: 'merged-person', tntId: 'merged-device' });
    const [merge] = await merges();
    expect(await (await undo(merge!.id)).json()).toMatchObject({ ids: [{ id: 'merged-device' }] });
    expect(await merges()).toMatchObject([{ id: merge!.id, undoneAt: expect.any(String) }]);
    expect((await undo(merge!.id)).status).toBe(409);
    await visit({ thirdPartyId: 'merged-person', tntId: 'merged-device' });
    expect(await merges()).toHaveLength(2);

    const keys = async () => {
      const all = await Promise.all(cluster.nodes.map((node) => node.ask('KEYS', 'shared:*merge*')));
      return all.flat().map(String);
    };
    expect((await keys()).length).toBeGreaterThan(0);
    const body = JSON.stringify({ type: 'erase', identities: [{ thirdPartyId: 'merged-person' }] });
    const taken = (await (await admin(one, 'privacy/requests', { method: 'POST', body })).json()) as {
      id: string;
    };
    await until('the request is complete', async () => {
      const request = await (await admin(one, `privacy/requests/${taken.id}`)).json();
      return (request as { state: string }).state === 'complete';
    });
    expect(await merges()).toEqual([]);
    expect((await undo(merge!.id)).status).toBe(404);
    // No record, and nothing that leads to one, on any master or replica.
    await until('the replicas follow', async () =>
      (await keys()).every((key) => !/^shared:(merge|merged|unmerged):/.test(key)),
    );
  });

  test('each accept a token that the other created, and count each call once', async () => {
    const made = await admin(one, 'authentication/token?authorizationScope=profile_api', { method: 'POST' });
    const { accessToken } = (await made.json()) as { accessToken: string };
    const settings = { method: 'PATCH', body: JSON.stringify({ enableProfileApiAuthentication: true }) };
    expect((await admin(other, 'clients/settings', settings)).status).toBe(200);
    const status = async (quiver: Quiver, headers: Record<string, string>) =>
      (await fetch(`${quiver.url}/rest/v1/profiles/nobody?client=demo`, { headers })).status;
    for (const quiver of [one, other]) {
      await until('the switch holds', async () => (await status(quiver, {})) === 403);
      expect(await status(quiver, { authorization: `Bearer ${accessToken}` })).toBe(404);
    }
    const off = { method: 'PATCH', body: JSON.stringify({ enableProfileApiAuthentication: false }) };
    expect((await admin(one, 'clients/settings', off)).status).toBe(200);
    for (const quiver of [one, other]) {
      await until('the switch is off', async () => (await status(quiver, {})) === 404);
    }
    const server = (await (await admin(one, 'server')).json()) as { store: { kind: string } };
    expect(server.store.kind).toBe('redis');
  });

  test('each run a script that one of them was sent, until an error at one disables it for all', async () => {
    const put = (quiver: Quiver, script: string) =>
      admin(quiver, 'scripts/group', { method: 'PUT', body: JSON.stringify({ script }) });
    const visited = async (quiver: Quiver, tntId: string, attribute = 'none') => {
      const reply = await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, {
        method: 'POST',
        body: JSON.stringify({
          id: { tntId },
          context: { channel: 'web' },
          execute: { pageLoad: { profileParameters: { attribute } } },
        }),
      });
      expect(reply.status).toBe(200);
      const fetched = await fetch(`${other.url}/rest/v1/profiles/${tntId}?client=demo`);
      const { profileAttributes } = (await fetched.json()) as {
        profileAttributes: Record<string, { value: string } | undefined>;
      };
      return profileAttributes['user.group']?.value;
    };
    const state = async (quiver: Quiver) =>
      ((await (await admin(quiver, 'scripts/group')).json()) as { state?: string }).state;
    expect((await put(one, "return 'first';")).status).toBe(200);
    let count = 0;
    const every = (value: string | undefined) =>
      Promise.all(
        [one, other].map((quiver, place) =>
          until(`a visit of server ${place} gives ${value}`, async () => {
            count += 1;
            return (await visited(quiver, `scripted${place}-${count}`)) === value;
          }),
        ),
      );
    await every('first');
    const breaks = "if (profile.get('attribute') == 'bad') return nothing; return 'second';";
    expect((await put(other, breaks)).status).toBe(200);
    await every('second');
    expect(await visited(one, 'breaking', 'bad')).toBeUndefined();
    for (const quiver of [one, other]) {
      await until('the script is disabled', async () => (await state(quiver)) === 'disabled');
    }
    await every(undefined);
    expect((await admin(other, 'scripts/group', { method: 'DELETE' })).status).toBe(204);
    expect(await state(one)).toBeUndefined();
  });

  test('finish a batch that another accepted and began when that one is killed', async () => {
    const doomed = await start('doomed');
    const heir = await start('doomed', { runtime: 'node' });
    try {
      const lines = Array.from({ length: ROWS }, (_, n) =>
        n % 97 === 0 ? `,no id ${n}` : `p${(n * 7919) % PROFILES},a${n},${n}`,
      );
      const accepted = await (
        await upload(doomed, ['batch=thirdPartyId,a,last', ...lines].join('\n'))
      ).text();
      const batchId = /batchId=([^<]+)</.exec(accepted)![1]!;
      const consumed = async () => (await progressOf(heir, batchId)).consumed;
      await until('some rows are applied', async () => (await consumed()) > 0, 20_000);
      const atDeath = await consumed();
      await doomed.kill();
      // What is set after a row was applied must not be overwritten when the step is repeated.
      const first = `thirdPartyId=p0&profile.last=later`;
      await fetch(`${heir.url}/m2/demo/profile/update?${first}`);
      await until('the batch is complete', async () => (await consumed()) === ROWS, 30_000);
      expect(atDeath).toBeLessThan(ROWS);
      const bad = lines.filter((line) => line.startsWith(',')).length;
      expect(await progressOf(heir, batchId)).toMatchObject({ successful: ROWS - bad, failed: bad });
      for (const n of [1, 2, 500, PROFILES - 1]) {
        const rows = lines.filter((line) => line.startsWith(`p${n},`));
        const [, a, last] = rows.at(-1)!.split(',');
        const fetched = await fetch(`${heir.url}/rest/v1/profiles/thirdPartyId/p${n}?client=demo`);
        expect(await fetched.json()).toMatchObject({
          profileAttributes: { a: { value: a }, last: { value: last } },
        });
      }
    } finally {
      await doomed.kill().catch(() => undefined);
      await heir.stop();
    }
  });

  test('answer 503 with Retry-After and are not ready while a master is frozen, and recover', async () => {
    const [master] = await cluster.masters();
    const ids = Array.from({ length: 30 }, (_, n) => `frozen${n}`);
    const update = (id: string) => fetch(`${one.url}/m2/demo/profile/update?mboxPC=${id}&profile.x=1`);
    for (const id of ids) {
      await fetch(`${one.url}/rest/v1/delivery?client=demo&sessionId=s`, {
        method: 'POST',
        body: JSON.stringify({ id: { tntId: id }, context: { channel: 'web' } }),
      });
    }
    master!.freeze();
    try {
      // The master stays frozen until every reply has come.
      const replies = await Promise.all(ids.map(update));
      for (const reply of replies) {
        if (reply.status === 200) continue;
        expect(reply.status).toBe(503);
        expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
      }
    } finally {
      await pause(3000);
      master!.wake();
    }
    await cluster.settled();
    await until('it is ready', async () => (await fetch(`${one.url}/readyz`)).status === 200);
    for (const id of ids) expect((await update(id)).status).toBe(200);
  });

  test('are not ready when no replica can confirm a write, and say so', async () => {
    const [master] = await cluster.masters();
    const replica = await cluster.replicaOf(master!);
    await replica.kill();
    try {
      await until('it is not ready', async () => (await fetch(`${one.url}/readyz`)).status === 503);
    } finally {
      await replica.restart();
      await cluster.settled();
    }
    await until('it is ready', async () => (await fetch(`${one.url}/readyz`)).status === 200);
  });

  describe('refuse to start', () => {
    const serve = (prefix: string, more: string[] = [], other: Record<string, string> = {}) =>
      runQuiver(['serve', '--port', '0', '--data', folder, ...flags(prefix), ...more], {
        env: { ...env, ...other },
      });
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quiver-redis-refused-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test.each([
      ['maxmemory-policy', 'allkeys-lru', 'maxmemory-policy must be noeviction, not allkeys-lru'],
      ['appendonly', 'no', 'appendonly must be yes'],
    ])('on a cluster whose %s is %s, unless told to', async (name, value, reason) => {
      const [, node] = await cluster.masters();
      const was = name === 'appendonly' ? 'yes' : 'noeviction';
      await node!.ask('CONFIG', 'SET', name, value);
      try {
        const { code, stderr } = await serve('refused');
        expect(stderr).toContain(reason);
        expect(stderr.trim().split('\n').at(-1)).toContain('--allow-unsafe-store');
        expect(code).toBe(1);
        const told = await startQuiver({ flags: [...flags('refused'), '--allow-unsafe-store', 'yes'], env });
        await told.stop();
      } finally {
        await node!.ask('CONFIG', 'SET', name, was);
      }
    });

    test('with another signing key than the others', async () => {
      const { code, stderr } = await serve('shared', [], { QUIVER_SIGNING_KEY: `${KEY}, but another` });
      expect(stderr).toContain('QUIVER_SIGNING_KEY: differs');
      expect(code).toBe(1);
    });

    test('when no cluster answers', async () => {
      const { code, stderr } = await serve('x', ['--store', 'redis://127.0.0.1:1']);
      expect(stderr).toContain('the cluster does not answer at 127.0.0.1:1');
      expect(code).toBe(1);
    });
  });
});

describe.skipIf(!hasRedis)('a Redis Cluster behind TLS and a password', () => {
  let folder: string;
  let cluster: RedisNodes;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quiver-redis-tls-'));
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      ...files,
      ...subject,
    ]);
    cluster = await startRedisNodes({
      'tls-cert-file': join(folder, 'cert.pem'),
      'tls-key-file': join(folder, 'key.pem'),
      'tls-ca-cert-file': join(folder, 'cert.pem'),
      'tls-auth-clients': 'no',
      'tls-cluster': 'yes',
      'tls-replication': 'yes',
    });
    // Replicas need it too when they reconnect to their masters.
    for (const name of ['masterauth', 'requirepass']) {
      for (const node of cluster.nodes) await node.ask('CONFIG', 'SET', name, 'a word/that:passes@');
    }
  });
  afterAll(async () => {
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(['bun', 'node'] as const)(
    'serves on %s with the password given once and shown nowhere',
    async (runtime) => {
      const seeds = cluster.nodes.map(({ tlsPort }) => `127.0.0.1:${tlsPort}`).join(',');
      const quiver = await startQuiver({
        runtime,
        flags: ['--store', `rediss://${seeds}`, '--workers', '1'],
        env: {
          QUIVER_SIGNING_KEY: KEY,
          QUIVER_STORE_PASSWORD: 'a word/that:passes@',
          NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'),
        },
      });
      try {
        const update = () =>
          fetch(`${quiver.url}/m2/demo/v2/profile/batchUpdate`, {
            method: 'POST',
            body: 'batch=pcId,x\na,1',
          });
        expect((await update()).status).toBe(200);
        await until(
          'the row is applied',
          async () => (await fetch(`${quiver.url}/rest/v1/profiles/a?client=demo`)).status === 200,
        );
      } finally {
        await quiver.stop();
      }
      expect(quiver.stdout()).toContain(`rediss://${seeds}`);
      expect(quiver.stdout() + quiver.stderr()).not.toContain('passes');
    },
  );

  test('without the password reports what is wrong', async () => {
    const seeds = cluster.nodes.map(({ tlsPort }) => `127.0.0.1:${tlsPort}`).join(',');
    const { code, stderr } = await runQuiver(
      ['serve', '--port', '0', '--data', join(folder, 'data'), '--store', `rediss://${seeds}`],
      { env: { NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') } },
    );
    expect(stderr).toMatch(/NOAUTH/);
    expect(code).toBe(1);
  });
});
