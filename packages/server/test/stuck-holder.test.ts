/**
 * A stopped process holds the writer lock of the store: a process that wants to open the store for
 * writing says so and ends, because the engine would wait forever. On both runtimes.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writerLockHolder } from '../src/locks/writer-lock.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import { type RuntimeName, runQuiver } from './start-quiver.ts';

let folder: string;
let dataDir: string;
let holder: ChildProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-stuck-'));
  dataDir = join(folder, 'data');
  const store = join(dataDir, 'store');
  await (await openLmdbStores({ path: store })).close();
  const script = fileURLToPath(new URL('stopped-holder.mjs', import.meta.url));
  holder = spawn(process.execPath, [script, store], { stdio: 'inherit' });
  await vi.waitFor(
    async () => {
      const found = await writerLockHolder(join(store, 'lock.mdb'));
      expect(found).toMatchObject({ pid: holder.pid, state: 'T (stopped)' });
    },
    { timeout: 20_000, interval: 50 },
  );
});
afterAll(async () => {
  const ended = once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
  await rm(folder, { recursive: true });
});

// Only there can the holder be determined.
describe.runIf(process.platform === 'linux').each<RuntimeName>(['bun', 'node'])(
  'beside a stopped process that holds the lock of the store, on %s,',
  (runtime) => {
    const line = () =>
      new RegExp(
        `lock\\.mdb: process ${holder.pid} \\(.*stopped-holder.*; T \\(stopped\\)\\) holds the writer lock of the store and does not go on; .*kill -CONT ${holder.pid}`,
      );

    // Side by side, because each waits for seconds.
    test.concurrent.each([
      ['one that serves on loopback', []],
      ['one that serves beyond', ['--host', '0.0.0.0']],
      ['one with something to look at', ['--demo']],
    ])('a server (%s) does not start, and says why', async (_, flags) => {
      const served = await runQuiver(
        ['serve', '--port', '0', '--workers', '2', ...flags, '--data', dataDir],
        {
          runtime,
        },
      );
      expect(served).toMatchObject({ code: expect.any(Number), signal: null });
      expect(served.code).not.toBe(0);
      expect(served.stderr).toMatch(line());
    });

    test.concurrent('the doctor reports it', async () => {
      const examined = await runQuiver(['doctor', '--data', dataDir], { runtime });
      expect(examined).toMatchObject({ code: 1, stdout: expect.stringMatching(line()) });
      expect(examined.stdout).not.toMatch(/damaged/);
    });

    test('a backup works, because it only reads, and restoring it is refused', async () => {
      const copy = join(folder, `copy-${runtime}`);
      expect(await runQuiver(['backup', '--data', dataDir, copy], { runtime })).toMatchObject({ code: 0 });
      const restored = await runQuiver(['restore', '--force', '--data', dataDir, copy], { runtime });
      expect(restored).toMatchObject({ code: 1, stderr: expect.stringMatching(line()) });
    });
  },
);
