import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Claim, FolderPlace, isClaim, takeClaim } from './claims.ts';
import { DataFolderInUse, lockDataFolder } from './data-folder-lock.ts';
import { lockPort, PortInUse } from './port-lock.ts';

let folder: string;
const held: Claim[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-claims-'));
});
afterEach(async () => {
  for (const claim of held.splice(0)) await claim.release();
  await rm(folder, { recursive: true });
});

test('everybody shares a folder, except a restore, which holds it alone', async () => {
  for (const use of ['serve', 'serve', 'backup', 'doctor'] as const) {
    held.push(await lockDataFolder(folder, use));
  }
  const words = new RegExp(`a server is running on ${folder} \\(process ${process.pid}\\); stop it first`);
  await expect(lockDataFolder(folder, 'restore')).rejects.toThrow(words);
  for (const claim of held.splice(0)) await claim.release();
  held.push(await lockDataFolder(folder, 'restore'));
  for (const use of ['serve', 'backup', 'doctor', 'restore'] as const) {
    await expect(lockDataFolder(folder, use)).rejects.toThrow(/quiver restore is at work/);
  }
});

test('of many that claim it at once exactly one succeeds, and released claims leave nothing behind', async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 12 }, () => lockDataFolder(folder, 'restore')),
  );
  const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
  for (const { value } of won) held.push(value);
  expect(won.length).toBeLessThanOrEqual(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DataFolderInUse);
  }
  expect((await readdir(folder)).length).toBe(won.length);
});

test('the claim of a dead process is ignored and removed', async () => {
  const path = join(folder, '.lock-restore_1_dead');
  const listening = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  const child = spawn(process.execPath, ['-e', listening]);
  await new Promise((resolve) => child.once('close', resolve));
  expect(await readdir(folder)).toEqual(['.lock-restore_1_dead']);
  held.push(await lockDataFolder(folder, 'serve'));
  const [left, ...others] = await readdir(folder);
  expect(left).toMatch(/^\.lock-serve_/);
  expect(others).toEqual([]);
});

test('the claim of a stopped process is valid', async () => {
  const path = join(folder, '.lock-restore_7_stopped');
  const listening = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGSTOP'))`;
  const child = spawn(process.execPath, ['-e', listening]);
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    while ((await readdir(folder)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(lockDataFolder(folder, 'serve')).rejects.toThrow(/quiver restore is at work.*process 7/);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});

test('where the folder cannot hold sockets, the lock is kept elsewhere and works the same', async () => {
  const long = join(folder, 'x'.repeat(120));
  const { mkdir } = await import('node:fs/promises');
  await mkdir(long);
  held.push(await lockDataFolder(long, 'restore'));
  expect(await readdir(long)).toEqual([]);
  await expect(lockDataFolder(long, 'serve')).rejects.toThrow(DataFolderInUse);
});

test('a port is claimed on one address, and on all addresses against each of them', async () => {
  const port = 61_000 + (process.pid % 1000);
  held.push(await lockPort('127.0.0.1', port));
  held.push(await lockPort('127.0.0.2', port));
  held.push(await lockPort('127.0.0.1', port - 1));
  await expect(lockPort('localhost', port)).rejects.toThrow(PortInUse);
  await expect(lockPort('0.0.0.0', port)).rejects.toThrow(/in use by another Quiver server \(process \d+\)/);
  await held.shift()!.release();
  await held.shift()!.release();
  held.push(await lockPort('::', port));
  await expect(lockPort('127.0.0.1', port)).rejects.toThrow(PortInUse);
});

test('a folder that cannot hold any claim is a system error', async () => {
  await expect(takeClaim([new FolderPlace(join(folder, 'none'))], 'serve', () => true)).rejects.toThrow(
    /listen/i,
  );
  expect([isClaim('.lock-serve_1_a'), isClaim('.locking-serve_1_a'), isClaim('store')]).toEqual([
    true,
    true,
    false,
  ]);
});
