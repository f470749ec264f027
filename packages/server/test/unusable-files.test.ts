/**
 * Unusable files of the embedded store: every command prints one clear line, and the doctor does
 * not report an intact store as damaged. On both runtimes.
 */

import { spawn } from 'node:child_process';
import {
  chmod,
  chown,
  cp,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import { type RuntimeName, runQuiver, startQuiver } from './start-quiver.ts';

const IS_ROOT = process.getuid?.() === 0;
/** Root may write everything, so the tests continue as the user nobody. */
const NOBODY = 65_534;
const uid = IS_ROOT ? NOBODY : undefined;
const COMMANDS: Readonly<Record<RuntimeName, string>> = {
  bun: `${pathOf('../../../node_modules/.bin/bun')} ${pathOf('../src/main.ts')}`,
  node: `${process.execPath} ${pathOf('../dist/main.js')}`,
};

const BROKEN_PAGES = 'of which only the headers are sound';

/** A sound data folder, and a backup of it. */
let sound: string;
let soundCopy: string;
let dataDir: string;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-sound-'));
  sound = join(folder, 'data');
  soundCopy = join(folder, 'copy');
  const stores = await openLmdbStores({ path: join(sound, 'store') });
  const moment = { now: Date.now(), lifetimeDays: 14 };
  await stores.profiles.update('demo', { kind: 'tntId', value: 'kept' }, new Map([['a', '1']]), moment, true);
  await stores.close();
  expect(await runQuiver(['backup', '--data', sound, soundCopy])).toMatchObject({ code: 0 });
});
afterAll(async () => rm(dirname(sound), { recursive: true }));
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'quiver-unusable-'));
  await cp(sound, dataDir, { recursive: true });
  if (uid !== undefined) await giveAway(dataDir, uid);
});
afterEach(async () => rm(dataDir, { recursive: true }));

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

async function giveAway(folder: string, to: number): Promise<void> {
  for (const name of ['.', ...(await readdir(folder, { recursive: true }))]) {
    await chown(join(folder, name), to, to);
  }
}

describe.each<RuntimeName>(['bun', 'node'])('files that cannot be used, on %s', (runtime) => {
  test.each(['lock.mdb', 'data.mdb'])(
    'a %s that cannot be written is reported in one line that names it',
    async (name) => {
      const file = join(dataDir, 'store', name);
      await chmod(file, 0o444);
      const line = new RegExp(
        `^quiver: ${file}: user \\d+ must be able to read and write it, and cannot \\(EACCES\\)`,
        'm',
      );
      const served = await runQuiver(['serve', '--port', '0', '--data', dataDir], {
        runtime,
        ...(uid && { uid }),
      });
      expect(served).toMatchObject({ code: 1, signal: null, stderr: expect.stringMatching(line) });
      expect(served.stderr).not.toMatch(/SIGSEGV|panic|Segmentation/);

      const { code, stdout } = await runQuiver(['doctor', '--data', dataDir], {
        runtime,
        ...(uid && { uid }),
      });
      expect(code).toBe(1);
      expect(stdout).toMatch(new RegExp(`^problem +store +${file}: user`, 'm'));
      expect(stdout).not.toMatch(/damaged/);
    },
  );

  test.runIf(process.platform === 'linux')(
    'too little address space is reported in one line that says what to do',
    async () => {
      const limited = async (args: string) => {
        const child = spawn(
          'sh',
          ['-c', `ulimit -v 200000000; exec ${COMMANDS[runtime]} ${args} --data ${dataDir}`],
          {
            stdio: ['ignore', 'pipe', 'pipe'],
          },
        );
        const ended = new Promise((resolve) => child.once('close', resolve));
        const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
        return { code: await ended, stdout, stderr };
      };
      const said = /addresses, .* the embedded store maps 256 GiB: ulimit -v unlimited/;
      const served = await limited('serve --port 0');
      expect(served).toMatchObject({ code: 1, stderr: expect.stringMatching(said) });
      expect(served.stderr).not.toMatch(/SIGSEGV|panic|Segmentation/);
      const examined = await limited('doctor');
      expect(examined).toMatchObject({ code: 1, stdout: expect.stringMatching(said) });
      expect(examined.stdout).not.toMatch(/damaged/);
    },
  );

  test.each(['lock.mdb', 'data.mdb'])(
    'a %s that is a link is refused, and what it leads to stays as it is',
    async (name) => {
      const file = join(dataDir, 'store', name);
      const target = join(dataDir, 'elsewhere');
      await writeFile(target, 'precious');
      await rm(file);
      await symlink(target, file);
      const line = `quiver: ${file} is a link and not a file`;
      const served = await runQuiver(['serve', '--port', '0', '--data', dataDir], { runtime });
      expect(served).toMatchObject({ code: 1, stderr: expect.stringContaining(line) });
      const { code, stdout } = await runQuiver(['doctor', '--data', dataDir], { runtime });
      expect([code, stdout]).toEqual([1, expect.stringContaining('is a link and not a file')]);
      expect(await readFile(target, 'utf8')).toBe('precious');
    },
  );

  test.runIf(IS_ROOT)(
    'backup, doctor and restore run by root leave only files that the owner can write',
    async () => {
      await unlink(join(dataDir, 'store', 'lock.mdb'));
      const copy = join(dataDir, '..', `copy-${runtime}-${process.pid}`);
      try {
        expect(await runQuiver(['backup', '--data', dataDir, copy], { runtime })).toMatchObject({ code: 0 });
        expect(await foreignFiles(dataDir)).toEqual([]);
        await unlink(join(dataDir, 'store', 'lock.mdb'));
        await runQuiver(['doctor', '--data', dataDir], { runtime });
        expect(await foreignFiles(dataDir)).toEqual([]);
        const restored = await runQuiver(['restore', '--force', '--data', dataDir, copy], { runtime });
        expect(restored).toMatchObject({ code: 0 });
        expect(await foreignFiles(dataDir)).toEqual([]);
      } finally {
        await rm(copy, { recursive: true, force: true });
      }
    },
  );

  test.each<[string, (file: string) => Promise<void>]>([
    ['cut to its headers', (file) => truncate(file, 8192)],
    ['cut in the middle of a page', (file) => truncate(file, 5000)],
    ['emptied', (file) => truncate(file, 0)],
    ['cut by its last pages', async (file) => truncate(file, (await stat(file)).size - 3 * 4096)],
    ['whose headers are gone', (file) => overwrite(file, 0, 8192, 0)],
    ['whose first header is gone', (file) => overwrite(file, 0, 4096, 0)],
    ['whose second header is gone', (file) => overwrite(file, 4096, 4096, 0)],
    [BROKEN_PAGES, async (file) => overwrite(file, 8192, (await stat(file)).size - 8192, 0xa5)],
  ])(
    'a store %s is reported in one line that points to the doctor, and a backup can be restored over it',
    async (name, damage) => {
      await damage(join(dataDir, 'store', 'data.mdb'));
      const { code, stderr } = await runQuiver(
        ['serve', '--port', '0', '--workers', '2', '--data', dataDir],
        {
          runtime,
        },
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(/^quiver: .*quiver doctor --data \S+$/m);
      // Damage to pages in the middle is found only by reading them, and the engine then ends the
      // process; once, not again and again.
      expect((stderr.match(/a worker died/g) ?? []).length).toBeLessThanOrEqual(
        name === BROKEN_PAGES ? 2 : 0,
      );
      const examined = await runQuiver(['doctor', '--data', dataDir], { runtime });
      expect(examined).toMatchObject({ code: 1, stdout: expect.stringMatching(/^problem +store /m) });
      const restored = await runQuiver(['restore', '--force', '--data', dataDir, soundCopy], { runtime });
      expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining('1 profiles of 20') });
    },
  );

  test('a lock file deleted while it is in use ends the server, before anybody could open the store without it', async () => {
    const quiver = await startQuiver({ runtime, dataDir, flags: ['--workers', '2'] });
    await unlink(join(dataDir, 'store', 'lock.mdb'));
    expect(await quiver.ended).toMatchObject({ code: 1 });
    expect(quiver.stderr()).toMatch(
      /^quiver: .*lock\.mdb was deleted or replaced while the server ran; start it again$/m,
    );
  });
});

/** Overwrites a range of a file with one byte. */
async function overwrite(file: string, at: number, bytes: number, value: number): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(Buffer.alloc(bytes, value), 0, bytes, at);
  await handle.close();
}

/** The files in a folder that do not belong to its owner. */
async function foreignFiles(folder: string): Promise<string[]> {
  const owner = (await stat(folder)).uid;
  const foreign: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    if ((await stat(join(folder, name))).uid !== owner) foreign.push(name);
  }
  return foreign;
}
