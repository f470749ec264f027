/**
 * `quiver backup`, `restore`, `compact` and `doctor`: beside a running server, and on faulty
 * folders, on both runtimes.
 */

import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lockDataFolder } from '../src/locks/data-folder-lock.ts';
import { LmdbEnvironment } from '../src/storage/lmdb/lmdb-environment.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import { type Quiver, type RuntimeName, runQuiver, startQuiver } from './start-quiver.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-folder-'));
});
afterAll(async () => rm(folder, { recursive: true }));
const started: Quiver[] = [];
afterEach(async () => {
  for (const quiver of started.splice(0)) await quiver.kill();
});
async function start(dataDir: string, runtime: RuntimeName): Promise<Quiver> {
  const quiver = await startQuiver({ dataDir, runtime, flags: ['--workers', '1', '--log-level', 'error'] });
  started.push(quiver);
  return quiver;
}

async function visit(url: string, tntId: string): Promise<void> {
  const body = {
    id: { tntId },
    context: { channel: 'web' },
    execute: { pageLoad: { profileParameters: { seen: tntId } } },
  };
  const sent = {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  };
  expect((await fetch(`${url}/rest/v1/delivery?client=demo&sessionId=s`, sent)).status).toBe(200);
}
const statusOf = async (url: string, tntId: string) =>
  (await fetch(`${url}/rest/v1/profiles/${tntId}?client=demo`)).status;

/** A data folder with one profile and the keys of a first start, created without a server. */
async function makeDataFolder(name: string): Promise<string> {
  const path = join(folder, name);
  const stores = await openLmdbStores({ path: join(path, 'store') });
  const moment = { now: Date.now(), lifetimeDays: 14 };
  await stores.profiles.update('demo', { kind: 'tntId', value: 'kept' }, new Map([['a', '1']]), moment, true);
  await stores.close();
  await chmod(path, 0o700);
  await writeFile(join(path, 'admin-token'), 'a-token-of-the-first-start\n', { mode: 0o600 });
  return path;
}

describe.each<RuntimeName>(['bun', 'node'])('the commands for a data folder, on %s', (runtime) => {
  const at = (name: string) => join(folder, `${runtime}-${name}`);

  test('a backup made beside a running server contains what was acknowledged before it, with the same keys', async () => {
    const source = await start(at('live'), runtime);
    await visit(source.url, 'before');
    const backup = await runQuiver(['backup', '--data', at('live'), at('backup')], { runtime });
    expect(backup).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^1 profiles, 0 unfinished batches, [\d,]+ bytes/),
    });
    await visit(source.url, 'after');
    expect((await stat(at('backup'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(at('backup'), 'admin-token'))).mode & 0o777).toBe(0o600);

    const restored = await runQuiver(['restore', '--data', at('restored'), at('backup')], { runtime });
    expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining('1 profiles of 20') });
    const copy = await start(at('restored'), runtime);
    expect(copy.adminToken).toBe(source.adminToken);
    expect([await statusOf(copy.url, 'before'), await statusOf(copy.url, 'after')]).toEqual([200, 404]);
  });

  test('restore refuses the folder of a running server, even with --force', async () => {
    const source = await makeDataFolder(`${runtime}-from`);
    expect(await runQuiver(['backup', '--data', source, at('good')], { runtime })).toMatchObject({ code: 0 });
    await start(at('serving'), runtime);
    const ended = await runQuiver(['restore', '--data', at('serving'), '--force', at('good')], { runtime });
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^quiver: a server is running on .* stop it first\n$/),
    });
  });
});

test('restore refuses a folder that is not empty; with --force it moves the old contents aside', async () => {
  const source = await makeDataFolder('source');
  const target = await makeDataFolder('target');
  await writeFile(join(target, 'admin-token'), 'another-token\n');
  const backup = join(folder, 'forced');
  expect(await runQuiver(['backup', '--data', source, backup])).toMatchObject({ code: 0 });
  expect(await runQuiver(['restore', '--data', target, backup])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is not empty'),
  });
  expect(await readFile(join(target, 'admin-token'), 'utf8')).toBe('another-token\n');
  expect(await runQuiver(['restore', '--data', target, '--force', backup])).toMatchObject({ code: 0 });
  expect(await readFile(join(target, 'admin-token'), 'utf8')).toBe('a-token-of-the-first-start\n');
  const [aside = ''] = (await readdir(target)).filter((name) => name.startsWith('before-restore-'));
  expect(await readFile(join(target, aside, 'admin-token'), 'utf8')).toBe('another-token\n');
  expect((await readdir(target)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test.each<[string, (backup: string) => Promise<void>, RegExp, number]>([
  ['without its list', (backup) => rm(join(backup, 'quiver-backup.json')), /not a finished backup/, 1],
  [
    'with a file cut short',
    (backup) => truncate(join(backup, 'store', 'data.mdb'), 4096),
    /data\.mdb has changed/,
    1,
  ],
  [
    'with a file too many',
    (backup) => writeFile(join(backup, 'batches', 'x.batch'), ''),
    /x\.batch is not in its list/,
    1,
  ],
  ['with a file missing', (backup) => rm(join(backup, 'admin-token')), /admin-token is missing/, 1],
  [
    'whose list is no JSON',
    (backup) => appendFile(join(backup, 'quiver-backup.json'), '}'),
    /is not JSON/,
    1,
  ],
  [
    'of a newer layout',
    async (backup) => {
      const list = join(backup, 'quiver-backup.json');
      const manifest = { ...JSON.parse(await readFile(list, 'utf8')), format: 99 };
      await writeFile(list, JSON.stringify(manifest));
    },
    /backup format 99/,
    6,
  ],
])('restore refuses a backup %s, and the data folder stays empty', async (name, spoil, reason, code) => {
  const source = await makeDataFolder(`source ${name}`);
  const backup = join(folder, `spoiled ${name}`);
  expect(await runQuiver(['backup', '--data', source, backup])).toMatchObject({ code: 0 });
  await spoil(backup);
  const target = join(folder, `target ${name}`);
  const ended = await runQuiver(['restore', '--data', target, backup]);
  expect(ended).toMatchObject({ code, stderr: expect.stringMatching(reason) });
  expect(ended.stderr).toMatch(/^quiver: [^\n]+\n$/);
  expect(await readdir(target).catch(() => [])).toEqual([]);
});

test.each<[string, (source: string) => string, RegExp]>([
  ['a folder that is not empty', (source) => source.replace(/[^/]+$/, ''), /is not empty/],
  ['a folder within the data folder', (source) => join(source, 'backup'), /is inside the data folder/],
])('backup refuses %s', async (name, target, reason) => {
  const source = await makeDataFolder(`backed up into ${name}`);
  expect(await runQuiver(['backup', '--data', source, target(source)])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(reason),
  });
});

test('backup refuses a folder that a link leads into the data folder', async () => {
  const source = await makeDataFolder('linked');
  const link = join(folder, 'link');
  await symlink(source, link);
  const before = (await readdir(source)).sort();
  const target = join(link, 'sub', 'backup');
  expect(await runQuiver(['backup', '--data', source, target])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is inside the data folder/),
  });
  expect((await readdir(source)).sort()).toEqual(before);
});

test('serve, backup and doctor refuse a folder that a restore is using', async () => {
  const source = await makeDataFolder('under restore');
  const restoring = await lockDataFolder(source, 'restore');
  const refused = {
    code: 1,
    stderr: expect.stringMatching(/^quiver: quiver restore is at work in [^\n]+\n$/),
  };
  try {
    expect(await runQuiver(['serve', '--port', '0', '--data', source])).toMatchObject(refused);
    expect(await runQuiver(['backup', '--data', source, join(folder, 'none of it')])).toMatchObject(refused);
    const { code, stdout } = await runQuiver(['doctor', '--data', source]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^problem +data folder +quiver restore is at work in [^\n]+\n$/);
  } finally {
    await restoring.release();
  }
  expect((await runQuiver(['doctor', '--data', source])).code).toBe(0);
});

test('backup of a folder without a store ends with one line and exit code 1, and leaves nothing', async () => {
  const target = join(folder, 'of-nothing');
  const ended = await runQuiver(['backup', '--data', join(folder, 'nothing'), target]);
  expect(ended).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^quiver: there is no store in [^\n]+\n$/),
  });
  expect(await stat(target).catch(() => undefined)).toBeUndefined();
});

describe('quiver doctor', () => {
  const findings = async (dataDir: string) => {
    const { stdout } = await runQuiver(['doctor', '--json', '--data', dataDir]);
    return JSON.parse(stdout) as {
      healthy: boolean;
      findings: { name: string; state: string; text: string }[];
    };
  };

  test('lists every check and ends with exit code 0 for a healthy folder', async () => {
    const source = await makeDataFolder('healthy');
    const { code, stdout } = await runQuiver(['doctor', '--data', source]);
    expect(code).toBe(0);
    for (const line of [
      /^ok +program +Quiver /m,
      /^ok +data folder /m,
      /^ok +free space /m,
      /^ok +clock /m,
      /^ok +engine /m,
    ])
      expect(stdout).toMatch(line);
    expect(stdout).toMatch(/^ok +store +every record could be read; 1 profiles/m);
  });

  test.each<[string, (source: string) => Promise<void>, string, RegExp]>([
    [
      'a token that others can read',
      (source) => chmod(join(source, 'admin-token'), 0o644),
      'admin-token',
      /is readable by other users/,
    ],
    [
      'a clock behind the last write',
      (source) => utimes(join(source, 'store', 'data.mdb'), new Date(), new Date(Date.now() + 3_600_000)),
      'clock',
      /3\d\d\d s before the last write/,
    ],
    [
      'a newer store',
      async (source) => {
        const environment = await LmdbEnvironment.open(join(source, 'store'));
        await environment.write(() =>
          environment.table('meta').putSync(Buffer.from('format'), Buffer.from([99])),
        );
        await environment.close();
      },
      'store',
      /format 99/,
    ],
    ['a torn store file', (source) => truncate(join(source, 'store', 'data.mdb'), 10_000), 'store', /./],
    [
      'a batch without its file',
      async (source) => {
        const stores = await openLmdbStores({ path: join(source, 'store') });
        await stores.batches.accept({
          client: 'demo',
          id: 'demo-1-1',
          version: 'v1',
          acceptedAt: 1,
          rows: 1,
          bytes: 1,
        });
        await stores.close();
        await mkdir(join(source, 'batches'), { recursive: true });
      },
      'batches',
      /demo-1-1 is queued, but its file is missing/,
    ],
  ])('reports a problem with exit code 1: %s', async (name, spoil, check, text) => {
    const source = await makeDataFolder(`sick of ${name}`);
    await spoil(source);
    const { healthy, findings: found } = await findings(source);
    expect(found).toContainEqual({ name: check, state: 'problem', text: expect.stringMatching(text) });
    expect(healthy).toBe(false);
    expect((await runQuiver(['doctor', '--data', source])).code).toBe(1);
  });

  test('warns about a folder open to others and a port open to all, with exit code 0', async () => {
    const source = await makeDataFolder('warned');
    await chmod(source, 0o755);
    const { code, stdout } = await runQuiver(['doctor', '--data', source, '--host', '0.0.0.0']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning +data folder .*chmod 700/m);
    expect(stdout).toMatch(/^warning +reach .*unencrypted/m);
  });
});

test.each(['backup', 'restore', 'compact', 'doctor'])('%s --help has examples', async (command) => {
  const { code, stdout } = await runQuiver([command, '--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Examples:\n +quiver /m);
});

describe('quiver compact', () => {
  /** A store whose file is mostly free, because large values were removed. */
  async function makeSparse(name: string): Promise<string> {
    const path = await makeDataFolder(name);
    const stores = await openLmdbStores({ path: join(path, 'store') });
    const moment = { now: Date.now(), lifetimeDays: 14 };
    const large = new Map([['a', 'x'.repeat(60_000)]]);
    for (let n = 0; n < 100; n += 1) {
      const id = { kind: 'tntId', value: `big-${n}` } as const;
      await stores.profiles.update('demo', id, large, moment, true);
      if (n > 0) await stores.profiles.remove('demo', id, moment.now);
    }
    await stores.close();
    return path;
  }
  const fileOf = (path: string) => join(path, 'store', 'data.mdb');

  test('returns free space to the disk, and changes nothing that is stored', async () => {
    const path = await makeSparse('sparse');
    const before = (await stat(fileOf(path))).size;
    await mkdir(join(path, '.compacting-left-by-a-crash'));
    const ended = await runQuiver(['compact', '--data', path]);
    expect(ended).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^2 profiles; [\d,]+ bytes before, [\d,]+ now\n$/),
    });
    const after = await stat(fileOf(path));
    expect(after.size).toBeLessThan(before / 10);
    expect(after.mode & 0o777).toBe(0o600);
    expect((await readdir(path)).filter((name) => name.startsWith('.'))).toEqual([]);
    const stores = await openLmdbStores({ path: join(path, 'store') });
    try {
      const found = await stores.profiles.find('demo', { kind: 'tntId', value: 'big-0' }, Date.now());
      expect(found?.attributes).toContain('x'.repeat(60_000));
      expect(
        await stores.profiles.find('demo', { kind: 'tntId', value: 'big-1' }, Date.now()),
      ).toBeUndefined();
      const moment = { now: Date.now(), lifetimeDays: 14 };
      const kept = { kind: 'tntId', value: 'kept' } as const;
      expect(await stores.profiles.update('demo', kept, new Map([['a', '2']]), moment, false)).toBe(
        'updated',
      );
    } finally {
      await stores.close();
    }
  });

  test.each(['serve', 'backup', 'doctor', 'restore'] as const)('is refused during %s', async (use) => {
    const path = await makeDataFolder(`compact-during-${use}`);
    const before = await readFile(fileOf(path));
    const lock = await lockDataFolder(path, use);
    try {
      expect(await runQuiver(['compact', '--data', path])).toMatchObject({ code: 1 });
    } finally {
      await lock.release();
    }
    expect((await readFile(fileOf(path))).equals(before)).toBe(true);
  });

  test('leaves a damaged store unchanged', async () => {
    const path = await makeSparse('damaged-compact');
    const file = await readFile(fileOf(path));
    // A flipped bit in every copy of a value: upkeep may have moved the one that is alive.
    const run = Buffer.alloc(1_000, 'x');
    let damaged = 0;
    for (let at = file.indexOf(run); at >= 0; at = file.indexOf(run, at + 60_000)) {
      file[at]! ^= 1;
      damaged += 1;
    }
    expect(damaged).toBeGreaterThan(0);
    await writeFile(fileOf(path), file);
    const ended = await runQuiver(['compact', '--data', path]);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('damaged') });
    expect((await stat(fileOf(path))).size).toBeGreaterThanOrEqual(file.length);
    expect((await readdir(path)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('does nothing where there is no store', async () => {
    expect(await runQuiver(['compact', '--data', join(folder, 'nowhere')])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no store'),
    });
  });
});
