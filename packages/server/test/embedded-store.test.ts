/** The embedded store under adverse conditions: killed writers, several processes, a full disk. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listAttributes } from '../src/domain/attributes.ts';
import { attributesIn } from '../src/storage/conformance/attributes-in.ts';
import { FORMAT_VERSION, LmdbEnvironment } from '../src/storage/lmdb/lmdb-environment.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import { StoreFormatError } from '../src/storage/store-format-error.ts';

const BUN = fileURLToPath(new URL('../../../node_modules/.bin/bun', import.meta.url));
const WRITER = fileURLToPath(new URL('store-writer.mjs', import.meta.url));
const RUNTIMES = ['bun', 'node'] as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-store-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

interface Writer {
  readonly process: ChildProcess;
  /** For each profile the last acknowledged number. */
  readonly acknowledged: Map<string, number>;
  readonly refusals: string[];
  readonly ended: Promise<number | null>;
}

function startWriter(runtime: 'bun' | 'node', ...args: string[]): Writer {
  const command = runtime === 'bun' ? BUN : process.execPath.includes('bun') ? 'node' : process.execPath;
  const child = spawn(command, [WRITER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged = new Map<string, number>();
  const refusals: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const [id, n] = line.split(' ');
    if (id === '!') refusals.push(n!);
    else acknowledged.set(id!, Number(n));
  });
  const ended = new Promise<number | null>((resolve) => lines.once('close', () => resolve(child.exitCode)));
  return { process: child, acknowledged, refusals, ended };
}

async function until(condition: () => boolean, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * How many acknowledged updates are missing, and how many profiles are torn because their two
 * attributes differ.
 */
async function inspect(path: string, acknowledged: ReadonlyMap<string, number>) {
  const store = await openLmdbStores({ path });
  let lost = 0;
  let torn = 0;
  for (const [value, n] of acknowledged) {
    const profile = await store.profiles.find('demo', { kind: 'tntId', value }, Date.now());
    const [first, second] = profile ? attributesIn(profile.attributes) : [];
    if (!first || Number.parseInt(first.value, 10) < n) lost += 1;
    if (first?.value !== second?.value) torn += 1;
  }
  await store.close();
  return { lost, torn };
}

test('20 kills with -9 under load lose no acknowledged write and damage no profile', {
  timeout: 120_000,
}, async () => {
  const acknowledged = new Map<string, number>();
  for (let round = 0; round < 20; round += 1) {
    const writers = RUNTIMES.map((runtime) =>
      startWriter(runtime, folder, 'pairs', `${runtime}-${round}`, '8'),
    );
    await until(() => writers.every((writer) => writer.acknowledged.size === 8));
    const wait = Math.random() * 150;
    await new Promise((resolve) => setTimeout(resolve, wait));
    for (const writer of writers) writer.process.kill('SIGKILL');
    for (const writer of writers) {
      await writer.ended;
      for (const [id, n] of writer.acknowledged) acknowledged.set(id, n);
    }
  }
  expect(acknowledged.size).toBe(20 * 2 * 8);
  expect(await inspect(folder, acknowledged)).toEqual({ lost: 0, torn: 0 });
});

test.each([
  ['bun', 'node'],
  ['bun', 'bun'],
  ['node', 'node'],
] as const)(
  'two processes (%s and %s) write one person, and no attribute is lost',
  { timeout: 60_000 },
  async (...pair) => {
    const count = 600;
    const writers = pair.map((runtime, index) =>
      startWriter(runtime, folder, 'one', `w${index}`, String(count)),
    );
    await Promise.all(writers.map(({ ended }) => ended));
    const store = await openLmdbStores({ path: folder });
    const person = await store.profiles.findLinked(
      'demo',
      { kind: 'thirdPartyId', value: 'the-person' },
      Date.now(),
      1000,
    );
    await store.close();
    const found = new Set(
      listAttributes(person!.profile.attributes).map(({ name, value }) => `${name}=${value}`),
    );
    const expected = pair.flatMap((_, w) => Array.from({ length: count }, (_, n) => `w${w}-${n}=${n}`));
    expect(expected.filter((line) => !found.has(line))).toEqual([]);
    expect(person!.ids).toHaveLength(1 + (pair.length * count) / 20);
  },
);

describe('a full disk', () => {
  let mounted = false;
  beforeEach(() => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' });
      mounted = true;
    } catch {
      mounted = false;
    }
  });
  afterEach(() => {
    if (mounted) execFileSync('umount', [folder]);
  });

  test('refuses writes, still serves reads, loses nothing, and accepts writes again when there is space', {
    timeout: 60_000,
  }, async (context) => {
    if (!mounted) context.skip('needs the right to mount a small tmpfs');
    const ballast = join(folder, 'ballast');
    const { bavail, bsize } = await statfs(folder);
    await writeFile(ballast, Buffer.alloc(bavail * bsize - 8 * 1024 * 1024));
    const path = join(folder, 'store');
    const writer = startWriter('bun', path, 'fill', 'f', '16');
    try {
      await until(() => writer.refusals.length > 20);
      expect(new Set(writer.refusals)).toEqual(new Set(['insufficient-storage']));
      expect(await inspect(path, new Map(writer.acknowledged))).toEqual({ lost: 0, torn: 0 });
      await truncate(ballast, 0);
      const before = Math.max(...writer.acknowledged.values());
      await until(() => Math.max(...writer.acknowledged.values()) > before + 2);
    } finally {
      writer.process.kill('SIGKILL');
      await writer.ended;
    }
    expect(await inspect(path, writer.acknowledged)).toEqual({ lost: 0, torn: 0 });
  });
});

test.each([
  ['newer', 99, `format 99; this version of Quiver knows formats up to ${FORMAT_VERSION}`],
  [
    'older',
    3,
    `format 3; this version of Quiver reads no format before ${FORMAT_VERSION}; export the profiles with the version that wrote them`,
  ],
])('a store written by a Quiver of %s format is refused and left unchanged', async (_, format, reason) => {
  const environment = await LmdbEnvironment.open(folder);
  const meta = environment.table('meta');
  await environment.write(() => meta.putSync(Buffer.from('format'), Buffer.from([format])));
  await environment.close();
  await expect(openLmdbStores({ path: folder })).rejects.toThrow(StoreFormatError);
  await expect(openLmdbStores({ path: folder })).rejects.toThrow(reason);
});

test('closing waits for writes in progress', async () => {
  const store = await openLmdbStores({ path: folder });
  const moment = { now: Date.now(), lifetimeDays: 14 };
  const writes = Array.from({ length: 500 }, (_, n) =>
    store.profiles.update(
      'demo',
      { kind: 'tntId', value: `t${n}` },
      new Map([['x', String(n)]]),
      moment,
      true,
    ),
  );
  await store.close();
  expect(new Set(await Promise.all(writes))).toEqual(new Set(['created']));
  const again = await openLmdbStores({ path: folder });
  for (let n = 0; n < 500; n += 1) {
    expect(await again.profiles.find('demo', { kind: 'tntId', value: `t${n}` }, Date.now())).toBeDefined();
  }
  await again.close();
});
