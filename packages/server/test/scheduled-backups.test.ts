/** Backups that a server makes by itself (`--backup-every`), on both runtimes. */

import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Quiver, type RuntimeName, runQuiver, startQuiver } from './start-quiver.ts';

let folder: string;
const started: Quiver[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-scheduled-'));
});
afterEach(async () => {
  for (const quiver of started.splice(0)) await quiver.kill();
  await rm(folder, { recursive: true });
});

const flagsFor = (to: string, keep = '2') => [
  '--backup-every',
  '1d',
  '--backup-to',
  to,
  '--backup-keep',
  keep,
];

async function start(dataDir: string, runtime: RuntimeName, flags: readonly string[]): Promise<Quiver> {
  const quiver = await startQuiver({ dataDir, runtime, flags: ['--workers', '1', ...flags] });
  started.push(quiver);
  return quiver;
}

/** A metric with its labels, or undefined as long as the server does not report it. */
async function metric({ url }: Quiver, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

const until = { timeout: 60_000, interval: 100 };
const made = 'quiver_backups_total{outcome="made"}';
const failed = 'quiver_backups_total{outcome="failed"}';
const newest = 'quiver_backup_newest_timestamp_seconds';

/** Stops the process that makes a backup into `backups` where it is, as soon as it has begun. */
async function halted(backups: string): Promise<number> {
  for (;;) {
    for (const pid of (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name))) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (!command.includes(`\0backup\0`) || !command.includes(backups)) continue;
      process.kill(Number(pid), 'SIGSTOP');
      return Number(pid);
    }
    await setTimeout(10);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The backups in a folder that `quiver restore` accepts, and all other names in it. */
async function restorable(backups: string, runtime: RuntimeName) {
  const names = (await readdir(backups)).sort();
  const good: string[] = [];
  for (const name of names) {
    const target = join(folder, `restored-${name}`);
    const { code } = await runQuiver(['restore', '--data', target, join(backups, name)], { runtime });
    if (code === 0) good.push(name);
  }
  return { good, others: names.filter((name) => !good.includes(name)) };
}

describe.each<RuntimeName>(['bun', 'node'])('scheduled backups on %s', (runtime) => {
  test('begin at once, can be restored, and replace only the oldest ones', async () => {
    const data = join(folder, 'data');
    const backups = join(folder, 'backups');
    const old = ['quiver-20240101T000000Z', 'quiver-20250101T000000Z', 'quiver-20260101T000000Z'];
    for (const name of [...old, 'quiver-by-hand', '.unfinished/quiver-20251231T000000Z'])
      await mkdir(join(backups, name), { recursive: true });
    await (await start(data, runtime, [])).stop();
    const quiver = await start(data, runtime, flagsFor(backups));
    await expect.poll(() => metric(quiver, made), until).toBe(1);
    await expect.poll(async () => (await readdir(backups)).length, until).toBe(3);
    const names = (await readdir(backups)).sort();
    expect(names.slice(0, 1)).toEqual(['quiver-20260101T000000Z']);
    expect(names.at(-1)).toBe('quiver-by-hand');
    expect(await metric(quiver, failed)).toBe(0);
    const restored = await runQuiver(
      ['restore', '--data', join(folder, 'restored'), join(backups, names[1]!)],
      { runtime },
    );
    expect(restored).toMatchObject({ code: 0 });
  });

  test('resume after a restart when the newest is old enough', async () => {
    const data = join(folder, 'data');
    const backups = join(folder, 'backups');
    const first = await start(data, runtime, flagsFor(backups));
    await expect.poll(() => metric(first, made), until).toBe(1);
    const at = await metric(first, newest);
    await first.stop();
    const second = await start(data, runtime, flagsFor(backups));
    await expect.poll(() => metric(second, newest), until).toBe(Math.floor(at!));
    expect(await metric(second, made)).toBe(0);
    expect(await readdir(backups)).toHaveLength(1);
  });

  test('that fail are logged with the reason and counted, while the server serves', async () => {
    const backups = join(folder, 'backups');
    await writeFile(backups, 'a file, no folder');
    const quiver = await start(join(folder, 'data'), runtime, flagsFor(backups));
    await expect.poll(() => metric(quiver, failed), until).toBe(1);
    const line = quiver
      .stderr()
      .split('\n')
      .find((one) => one.includes('a scheduled backup failed'));
    expect(JSON.parse(line!)).toMatchObject({ level: 'error', nextTryInSeconds: 900 });
    expect(JSON.parse(line!).reason).toContain(backups);
    expect((await fetch(`${quiver.url}/readyz`)).status).toBe(200);
  });

  test('that are killed leave nothing that looks like a backup, and the old ones stay', async () => {
    const data = join(folder, 'data');
    const backups = join(folder, 'backups');
    const first = await start(data, runtime, flagsFor(backups, '1'));
    await expect.poll(() => metric(first, made), until).toBe(1);
    await first.stop();
    const [kept] = await readdir(backups);
    const earlier = 'quiver-20260101T000000Z';
    await rename(join(backups, kept!), join(backups, earlier));
    const second = await start(data, runtime, flagsFor(backups, '1'));
    process.kill(await halted(backups), 'SIGKILL');
    await expect.poll(() => metric(second, failed), until).toBe(1);
    expect(await readdir(backups)).toEqual([earlier]);
    expect(await restorable(backups, runtime)).toEqual({ good: [earlier], others: [] });
  });

  test('that outlive a killed server do not disturb those of the next one', async () => {
    const data = join(folder, 'data');
    const backups = join(folder, 'backups');
    const first = await start(data, runtime, flagsFor(backups));
    const left = await halted(backups);
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    const second = await start(data, runtime, flagsFor(backups));
    await expect.poll(() => metric(second, made), until).toBe(1);
    process.kill(left, 'SIGCONT');
    await expect.poll(() => isRunning(left), until).toBe(false);
    const { good, others } = await restorable(backups, runtime);
    expect(good).toHaveLength(1);
    // What the one before has begun is no backup, and the next one removes it.
    expect(others.filter((name) => name !== '.unfinished')).toEqual([]);
  });
});
