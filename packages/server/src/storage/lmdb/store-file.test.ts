import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { requireWholeFile } from './store-file.ts';

const PAGE_BYTES = 4096;

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'quiver-store-file-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

test('a sound file may lack pages at its end that were used and freed in one transaction', async () => {
  const store = open<Buffer, string>({ path, encoding: 'binary', noSubdir: false });
  for (let round = 1; round <= 3; round += 1) {
    store.transactionSync(() => {
      const keys = Array.from({ length: 50 * round }, (_, n) => `large ${n}`);
      for (const key of keys) store.putSync(key, Buffer.alloc(60_000 + round * 50_000));
      for (const key of keys) store.removeSync(key);
    });
    store.putSync(`kept ${round}`, Buffer.from('small'));
    await store.flushed;
  }
  await requireWholeFile(path);
  await store.close();
  await requireWholeFile(path);
});

test('a file that was cut before the root of one of its trees is refused', async () => {
  const store = open<Buffer, string>({ path, encoding: 'binary', noSubdir: false });
  for (let n = 0; n < 2000; n += 1) store.putSync(`key ${n}`, Buffer.alloc(500));
  await store.flushed;
  await store.close();
  await requireWholeFile(path);
  const { size } = await stat(join(path, 'data.mdb'));
  await truncate(join(path, 'data.mdb'), Math.floor(size / 8192) * 4096);
  await expect(requireWholeFile(path)).rejects.toThrow('is cut short');
  await truncate(join(path, 'data.mdb'), 100);
  await expect(requireWholeFile(path)).rejects.toThrow('does not begin as a store does');
});

test('a file with another page in place of a root, of all tables or of one, is refused', async () => {
  const store = open<Buffer, string>({ path, encoding: 'binary', noSubdir: false, maxDbs: 32 });
  const names = Array.from({ length: 3 }, (_, n) => `table ${n}`);
  const tables = names.map((name) => store.openDB<Buffer, string>({ name, encoding: 'binary' }));
  for (const table of tables) for (let n = 0; n < 50; n += 1) table.putSync(`key ${n}`, Buffer.alloc(500));
  await store.flushed;
  await store.close();
  const file = join(path, 'data.mdb');
  const sound = await readFile(file);
  const pages = sound.length / PAGE_BYTES;
  let refused = 0;
  for (let page = 2; page < pages; page += 1) {
    const spoiled = Buffer.from(sound);
    sound.copy(
      spoiled,
      page * PAGE_BYTES,
      (page === 2 ? 3 : 2) * PAGE_BYTES,
      (page === 2 ? 4 : 3) * PAGE_BYTES,
    );
    await writeFile(file, spoiled);
    await requireWholeFile(path).catch((error: Error) => {
      expect(error.message).toContain(`page ${page} is not what was written`);
      refused += 1;
    });
  }
  // The root of the free pages, that of the tables, and one for each table.
  expect(refused).toBe(2 + names.length);
});

test.each([0, 1])('a file without page %d, which locates the trees, is refused', async (page) => {
  const store = open<Buffer, string>({ path, encoding: 'binary', noSubdir: false });
  store.putSync('key', Buffer.from('value'));
  await store.flushed;
  await store.close();
  const file = join(path, 'data.mdb');
  const bytes = await readFile(file);
  await writeFile(file, bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
  await expect(requireWholeFile(path)).rejects.toThrow('does not begin as a store does');
});
