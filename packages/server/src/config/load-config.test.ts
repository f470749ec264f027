import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configReport } from './config-report.ts';
import { ConfigError, loadConfig } from './load-config.ts';

const SECRET = { QUIVER_EDGE_SECRET: 'thirty-two characters, or some more' };
const STORE_RULE =
  '--store: must be lmdb or redis://host:port,… (or rediss://, with user:password@ before the first host)';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-config-'));
});
afterAll(async () => rm(folder, { recursive: true }));

async function fileWith(members: unknown): Promise<string> {
  const path = join(folder, 'quiver.json');
  await writeFile(path, typeof members === 'string' ? members : JSON.stringify(members));
  return path;
}
const load = (flags = {}, env = {}, file?: string) => loadConfig({ flags, env, file });

test('the defaults are those of contract section 11', () => {
  const { config, origins } = load();
  expect(config).toMatchObject({
    port: 8680,
    host: '127.0.0.1',
    dataDir: resolve('data'),
    store: { kind: 'lmdb' },
    storePrefix: 'quiver',
    allowUnsafeStore: false,
    clients: ['demo'],
    serverDomain: 'tt.omtrdc.net',
    allowedHosts: [],
    cluster: 1,
    node: 0,
    locationHint: 'none',
    trustedProxies: [],
    tls: undefined,
    corsOrigins: [],
    peers: [],
    edgeTimeout: 300,
    changes: { age: 7 * 86_400_000, bytes: 512 * 1024 ** 2 },
  });
  expect(new Set(origins.values())).toEqual(new Set(['default']));
  expect(Object.isFrozen(config)).toBe(true);
});

test('flags override variables, variables override the file, and the file overrides the defaults', async () => {
  const file = await fileWith({ port: 1, node: 2, cluster: '3', client: ['from-file', 'b'] });
  const { config, origins } = load(
    { port: '10' },
    { QUIVER_PORT: '20', QUIVER_NODE: '21', QUIVER_CLIENT: 'x, y' },
    file,
  );
  expect(config).toMatchObject({ port: 10, node: 21, cluster: 3, clients: ['x', 'y'] });
  expect(['port', 'node', 'cluster', 'host'].map((name) => origins.get(name as 'port'))).toEqual([
    'flag',
    'variable',
    'file',
    'default',
  ]);
});

test('an empty variable counts as not set; an unknown variable is named', () => {
  const { config, unknownVariables } = load(
    {},
    { QUIVER_PORT: '', QUIVER_ADMIN_TOKEN: '', QUIVER_CLEINT: 'x', QUIVER_RUNTIME: 'node', HOME: '/' },
  );
  expect(config).toMatchObject({ port: 8680, adminToken: undefined });
  expect(unknownVariables).toEqual(['QUIVER_CLEINT']);
});

test('the configuration is frozen at every level', () => {
  const { config } = load({ 'tls-cert': 'a.pem', 'tls-key': 'b.pem' });
  for (const part of [config, config.clients, config.store, config.tls])
    expect(Object.isFrozen(part)).toBe(true);
});

test('the report shows every value and its origin, and no secret', () => {
  const lines = configReport(load({ client: ['a', 'b'] }, { QUIVER_ADMIN_TOKEN: 'top-secret-'.repeat(3) }));
  expect(lines).toContainEqual({ name: 'client', value: 'a, b', origin: 'flag' });
  expect(lines).toContainEqual({ name: 'port', value: '8680', origin: 'default' });
  expect(lines).toContainEqual({ name: 'tls-cert', value: '(none)', origin: 'default' });
  expect(lines).toContainEqual({ name: 'QUIVER_ADMIN_TOKEN', value: '(set)', origin: 'variable' });
  expect(JSON.stringify(lines)).not.toContain('top-secret');
});

describe('a wrong value is reported in one line with its name, its rule and its origin', () => {
  test.each<[string, Record<string, string | string[]>, Record<string, string>, string]>([
    ['a word for a port', { port: 'abc' }, {}, '--port: must be a whole number from 0 to 65535, not "abc"'],
    [
      'a port too high',
      {},
      { QUIVER_PORT: '65536' },
      '--port: must be a whole number from 0 to 65535, not "65536" (from QUIVER_PORT)',
    ],
    ['no workers', { workers: '0' }, {}, '--workers: must be a whole number from 1 to 64, not "0"'],
    [
      'a client code in capitals',
      { client: ['demo', 'Acme'] },
      {},
      '--client: must be a client code: 1 to 64 of a-z 0-9 _ -, not starting with _ or -, not "Acme"',
    ],
    [
      'a hint that is none',
      { 'location-hint': 'x' },
      {},
      '--location-hint: must be none, cluster or adobe, not "x"',
    ],
    [
      'a level that is none',
      { 'log-level': 'loud' },
      {},
      '--log-level: must be one of silent, error, warn, info, debug, not "loud"',
    ],
    [
      'an origin with a path',
      { 'cors-origin': ['https://a.example/x'] },
      {},
      '--cors-origin: must be an origin such as https://www.example.com, not "https://a.example/x"',
    ],
    [
      'an origin for everybody',
      { 'cors-origin': ['*'] },
      {},
      '--cors-origin: must be an origin such as https://www.example.com, not "*"',
    ],
    [
      'a proxy by name',
      { 'trust-proxy': ['10.0.0.0/8', 'proxy'] },
      {},
      '--trust-proxy: must be an IP address or a range such as 10.0.0.0/8, not "proxy"',
    ],
    [
      'a range that is none',
      { 'trust-proxy': ['10.0.0.0/33'] },
      {},
      '--trust-proxy: must be an IP address or a range such as 10.0.0.0/8, not "10.0.0.0/33"',
    ],
    [
      'an address that a platform puts into the variable',
      {},
      { QUIVER_PORT: 'tcp://10.0.0.1:8680' },
      '--port: must be a whole number from 0 to 65535, not "tcp://10.0.0.1:8680" (from QUIVER_PORT)',
    ],
    ['backups without a folder', { 'backup-every': '1d' }, {}, '--backup-every: needs --backup-to too'],
    ['a folder of backups alone', { 'backup-to': '/b' }, {}, '--backup-to: needs --backup-every too'],
    ['a number of backups alone', { 'backup-keep': '3' }, {}, '--backup-keep: needs --backup-every too'],
    [
      'backups into the data folder',
      { data: '/d', 'backup-every': '1d', 'backup-to': '/d/backups' },
      {},
      '--backup-to: must be outside of the data folder',
    ],
    [
      'backups of a store on Redis',
      { store: 'redis://h:1', 'backup-every': '1d', 'backup-to': '/b' },
      {},
      '--backup-every: only works on the embedded store',
    ],
    ['a certificate alone', { 'tls-cert': 'a.pem' }, {}, '--tls-cert: needs --tls-key too'],
    ['a store that is none, without repeating its password', { store: 'redis:/u:secret@h' }, {}, STORE_RULE],
    ['a node without a port', { store: 'redis://h' }, {}, STORE_RULE],
    ['a port that is none', { store: 'redis://h:70000' }, {}, STORE_RULE],
    [
      'a prefix of keys with a brace',
      { 'store-prefix': 'a{b' },
      {},
      '--store-prefix: must be 1 to 64 of A-Z a-z 0-9 . _ -, not "a{b"',
    ],
    [
      'neither yes nor no',
      { 'allow-unsafe-store': '1' },
      {},
      '--allow-unsafe-store: must be yes or no, not "1"',
    ],
    [
      'a peer without the secret',
      { peer: ['28=http://h'] },
      {},
      '--peer: needs QUIVER_EDGE_SECRET, 32 characters or more',
    ],
    [
      'a peer that is this cluster',
      { peer: ['1=http://h'] },
      SECRET,
      '--peer: 1 is the number of this cluster',
    ],
    ['a peer twice', { peer: ['2=http://h', '2=http://i'] }, SECRET, '--peer: cluster 2 is given twice'],
    [
      'a short admin token',
      {},
      { QUIVER_ADMIN_TOKEN: 'short' },
      'QUIVER_ADMIN_TOKEN: must have 16 characters or more',
    ],
  ])('for the value: %s', (_, flags, env, message) => {
    expect(() => load(flags, env)).toThrow(new ConfigError(message));
  });

  test.each<[string, unknown, RegExp]>([
    ['a misspelt setting', { prot: 1 }, /^--config: .*quiver\.json has an unknown setting "prot"$/],
    ['a list for a single value', { port: [1] }, /^--port: must be a text or a number \(from the file\)$/],
    ['not an object', [], /^--config: .*quiver\.json must hold a JSON object$/],
    ['not JSON', '{', /^--config: cannot read .*quiver\.json: /],
  ])('for the file: %s', async (_, members, message) => {
    const file = await fileWith(members);
    expect(() => load({}, {}, file)).toThrow(message);
  });
});

test('a byte-order mark at the start of the file is dropped', async () => {
  expect(load({}, {}, await fileWith('\uFEFF{"port": 9000}\r\n')).config.port).toBe(9000);
});

test('backups through a link into the data folder are refused, whether its target exists or not', async () => {
  const data = join(folder, 'data');
  await mkdir(join(data, 'inside'), { recursive: true });
  await mkdir(join(folder, 'outside'));
  await symlink(join(data, 'inside'), join(folder, 'link'));
  await symlink('data/later', join(folder, 'dangling'));
  await symlink(data, join(folder, 'same-data'));
  await symlink(join(folder, 'outside'), join(folder, 'good-link'));
  const backups = (to: string, from = 'data') =>
    load({ data: join(folder, from), 'backup-every': '1d', 'backup-to': join(folder, to) }).config.backups;
  const refusal = new ConfigError('--backup-to: must be outside of the data folder');
  for (const to of ['link', 'link/deeper', 'dangling', 'dangling/deeper', 'same-data/new']) {
    expect(() => backups(to), to).toThrow(refusal);
  }
  expect(() => backups('data/new', 'same-data')).toThrow(refusal);
  for (const to of ['outside', 'good-link', 'good-link/new', 'new']) {
    expect(backups(to), to).toMatchObject({ folder: join(folder, to) });
  }
});

test('the retention of changes is a duration, or off', () => {
  const changes = (flags: Record<string, string>) => load(flags).config.changes;
  expect(changes({ changes: '90m', 'changes-bytes': '1000000' })).toEqual({
    age: 5_400_000,
    bytes: 1_000_000,
  });
  expect(changes({ changes: '12h' })).toMatchObject({ age: 43_200_000 });
  expect(changes({ changes: 'off' })).toBe('off');
  for (const text of ['7', '0d', '7w', '', 'OFF', '1.5d', '10000d']) {
    expect(() => changes({ changes: text })).toThrow(/^--changes: must be a time such as 7d/);
  }
});
