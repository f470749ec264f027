import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BatchFiles } from './batch-files.ts';

let folder: string;
let files: BatchFiles;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-files-'));
  files = new BatchFiles(folder);
});
afterEach(async () => rm(folder, { recursive: true }));

/**
 * Enough rows for several parts; no two are alike, so that a byte from the wrong place is noticed.
 */
const FILE = Buffer.from(
  `batch=pcId,a\n${Array.from({ length: 60_000 }, (_, n) => `visitor-${n},v${n * 7}\n`).join('')}`,
);
const PATH = 'demo-1-00000000';

async function keep(file: Uint8Array, chunkBytes: number): Promise<string> {
  const incoming = await files.receive();
  for (let at = 0; at < file.length; at += chunkBytes)
    await incoming.write(file.subarray(at, at + chunkBytes));
  await incoming.keepAs(PATH);
  return join(folder, `${PATH}.batch`);
}

async function bytesOf(read: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of read) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('the file of a batch', () => {
  test('is stored compressed, and reads as the file that was uploaded', async () => {
    const path = await keep(FILE, 10_007);
    expect((await stat(path)).size).toBeLessThan(FILE.length / 2);
    expect((await bytesOf(files.readFrom(PATH, 0))).equals(FILE)).toBe(true);
  });

  test.each([0, 1, 262_143, 262_144, 262_145, 800_000, FILE.length - 1, FILE.length, FILE.length + 300_000])(
    'is read from byte %d of the uncompressed file',
    async (start) => {
      await keep(FILE, 300_000);
      expect((await bytesOf(files.readFrom(PATH, start))).equals(FILE.subarray(start))).toBe(true);
    },
  );

  test('is read in ranges, in any order, also across the boundary of two parts', async () => {
    await keep(FILE, 300_000);
    const read = files.reader(PATH);
    for (const [start, end] of [
      [262_100, 262_200],
      [0, 13],
      [524_288, 524_300],
      [262_144, 262_145],
      [100_000, 900_000],
      [5, 5],
    ] as const) {
      expect((await bytesOf(read(start, end))).equals(FILE.subarray(start, end))).toBe(true);
    }
  });

  test('after a restart far into it needs only one part, not all before it', async () => {
    const path = await keep(FILE, 300_000);
    // Damaged, so a reader that reads earlier parts fails.
    const packed = await readFile(path);
    packed.fill(0, 0, 20_000);
    await writeFile(path, packed);
    const last = FILE.length - 100;
    expect((await bytesOf(files.readFrom(PATH, last))).equals(FILE.subarray(last))).toBe(true);
    await expect(bytesOf(files.readFrom(PATH, 0))).rejects.toThrow();
  });

  test.each([0, 1, 262_144])('of %d bytes is stored too', async (bytes) => {
    await keep(FILE.subarray(0, bytes), 1000);
    expect((await bytesOf(files.readFrom(PATH, 0))).equals(FILE.subarray(0, bytes))).toBe(true);
  });

  test.each<[string, (packed: Buffer) => Buffer]>([
    ['that was cut', (packed) => packed.subarray(0, packed.length - 3000)],
    ['of which nothing is left', () => Buffer.alloc(0)],
    ['with another byte', (packed) => Buffer.from(packed.map((byte, at) => (at === 9000 ? byte ^ 1 : byte)))],
    ['that is not packed', () => FILE],
  ])('%s is never read as if it were complete', async (_, spoil) => {
    const path = await keep(FILE, 300_000);
    await writeFile(path, spoil(await readFile(path)));
    await expect(bytesOf(files.readFrom(PATH, 0))).rejects.toThrow();
  });

  test('is valid gzip up to its list of lengths', async () => {
    const path = await keep(FILE.subarray(0, 1000), 1000);
    const packed = await readFile(path);
    expect(gunzipSync(packed.subarray(0, packed.length - 8)).equals(FILE.subarray(0, 1000))).toBe(true);
  });
});
