/**
 * A store whose file was damaged serves no wrong value and no false 404: what cannot be read is an
 * error. `npm run torture damage` does the same two hundred times.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { cp, mkdtemp, open, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkStore } from '../src/cli/doctor-data-folder.ts';
import { openStores } from '../src/server.ts';
import { CONFIG } from './in-process.ts';

const BUN = fileURLToPath(new URL('../../../node_modules/.bin/bun', import.meta.url));
const PROGRAM = fileURLToPath(new URL('store-damage.mjs', import.meta.url));
const PAGE = 4096;
const TRIALS_EACH = 6;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-damage-'));
  execFileSync(BUN, [PROGRAM, 'make', join(folder, 'sound')]);
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

type Handle = Awaited<ReturnType<typeof open>>;

async function readPage(file: Handle, page: number): Promise<Buffer> {
  return (await file.read(Buffer.alloc(PAGE), 0, PAGE, page * PAGE)).buffer;
}

const KINDS: Record<string, (file: Handle, page: () => number, path: string) => Promise<void>> = {
  async swapped(file, page) {
    const [one, other] = [page(), page()];
    const [first, second] = [await readPage(file, one), await readPage(file, other)];
    await file.write(second, 0, PAGE, one * PAGE);
    await file.write(first, 0, PAGE, other * PAGE);
  },
  async zeroed(file, page) {
    await file.write(Buffer.alloc(PAGE), 0, PAGE, page() * PAGE);
  },
  async flipped(file, page) {
    const at = page();
    const bytes = await readPage(file, at);
    bytes[randomInt(PAGE)]! ^= 1 << randomInt(8);
    await file.write(bytes, 0, PAGE, at * PAGE);
  },
  async truncated(file, page, path) {
    await file.sync();
    await truncate(path, page() * PAGE);
  },
};

interface Seen {
  readonly damage: number;
  readonly wrong: number;
  readonly lost: number;
  readonly refused: number;
}

/** What a reader of a damaged copy has seen; undefined when reading has ended the process. */
function readCopy(copy: string): Seen | undefined {
  const { stdout } = spawnSync(BUN, [PROGRAM, 'read', copy], { encoding: 'utf8' });
  return stdout === '' ? undefined : (JSON.parse(stdout) as Seen);
}

test('an undamaged store is reported as sound', () => {
  expect(readCopy(join(folder, 'sound'))).toMatchObject({ damage: 0, wrong: 0, lost: 0, refused: 0 });
});

test.each(Object.keys(KINDS))('damage is detected in pages that were %s', async (kind) => {
  let noticed = 0;
  for (let trial = 0; trial < TRIALS_EACH; trial += 1) {
    const copy = join(folder, `${kind}${trial}`);
    await cp(join(folder, 'sound'), copy, { recursive: true });
    const path = join(copy, 'data.mdb');
    const file = await open(path, 'r+');
    const pages = Math.floor((await file.stat()).size / PAGE);
    const chosen: number[] = [];
    await KINDS[kind]!(
      file,
      () => {
        const page = randomInt(2, pages);
        chosen.push(page);
        return page;
      },
      path,
    );
    await file.close();
    const seen = readCopy(copy);
    expect(seen ?? { wrong: 0, lost: 0 }, `pages ${chosen}`).toMatchObject({ wrong: 0, lost: 0 });
    if (seen === undefined || seen.damage > 0 || seen.refused > 0) noticed += 1;
  }
  // Damage to a free page may go unnoticed.
  expect(noticed).toBeGreaterThan(0);
});

/** Where some bytes are in a file, the last place first. */
function placesOf(wanted: Buffer, file: Buffer): number[] {
  const found: number[] = [];
  for (let at = file.indexOf(wanted); at >= 0; at = file.indexOf(wanted, at + 1)) found.unshift(at);
  return found;
}

/** Flips a bit of a byte at each of these places, in a copy of its own, and reads the copies. */
async function readFlipped(places: readonly number[], bit: number): Promise<number> {
  let noticed = 0;
  for (const at of places) {
    const copy = join(folder, `flipped-at-${at}`);
    await cp(join(folder, 'sound'), copy, { recursive: true });
    const file = await open(join(copy, 'data.mdb'), 'r+');
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
    buffer[0]! ^= bit;
    await file.write(buffer, 0, 1, at);
    await file.close();
    const seen = readCopy(copy);
    expect(seen ?? { wrong: 0, lost: 0 }, `byte ${at}`).toMatchObject({ wrong: 0, lost: 0 });
    if (seen === undefined || seen.damage > 0) noticed += 1;
  }
  return noticed;
}

/** How a key of the index begins, for a tntId of the client `demo`. */
const DEMO = Buffer.from('\x04demo\x80', 'latin1');

test('damage is noticed when the length of a key in the index has changed', async () => {
  const file = await readFile(join(folder, 'sound', 'data.mdb'));
  // A node of the index: 8 bytes of value, no flags, a key of 22 bytes.
  const nodes = placesOf(Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, 22, 0]), DEMO]), file);
  const lengths = nodes.filter((_, place) => place % 100 === 0).map((at) => at + 7);
  expect(await readFlipped(lengths.slice(0, 8), 8)).toBeGreaterThan(0);
});

test('damage is noticed when the kind of a page of the index has changed', async () => {
  const file = await readFile(join(folder, 'sound', 'data.mdb'));
  const pages = [...new Set(placesOf(DEMO, file).map((at) => Math.floor(at / PAGE)))];
  // Sixteen bytes of numbers before the flags of a page; keys of one length have the bit 0x20.
  expect(
    await readFlipped(
      pages.slice(0, 12).map((page) => page * PAGE + 18),
      0x20,
    ),
  ).toBeGreaterThan(0);
});

test.each(['index', 'meta', 'records'])(
  'damage is noticed when the table %s has lost its name',
  async (name) => {
    const file = await readFile(join(folder, 'sound', 'data.mdb'));
    // The engine ends a name with a zero.
    const key = Buffer.concat([Buffer.from([name.length + 1, 0]), Buffer.from(`${name}\0`)]);
    const names = placesOf(key, file).map((at) => at + 2);
    expect(await readFlipped(names.slice(0, 8), 1)).toBeGreaterThan(0);
  },
);

test('a folder that once had a store and has lost it is refused', async () => {
  const dataDir = join(folder, 'data');
  const config = { ...CONFIG, dataDir };
  await (await openStores(config)).close();
  await rm(join(dataDir, 'store'), { recursive: true });
  expect(await checkStore(config)).toMatchObject([
    { state: 'problem', text: expect.stringContaining('had a store') },
  ]);
  await expect(openStores(config)).rejects.toThrow(/had a store that is now missing; restore a backup/);
  await rm(join(dataDir, 'store-was-made'));
  await (await openStores(config)).close();
});
