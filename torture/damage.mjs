/**
 * A store whose file was damaged at random: pages swapped, zeroed, flipped or cut off. No reader
 * may get a wrong value, or be told that an existing profile does not exist; an error is correct. A
 * reader that ends by a signal has said nothing wrong.
 */

import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { cp, open, rm, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bunPath } from '../scripts/setup.mjs';
import { makeFolder, sabotageEnv } from './quiver-process.mjs';

const PROGRAM = join(
  dirname(fileURLToPath(import.meta.url)),
  '..',
  'packages',
  'server',
  'test',
  'store-damage.mjs',
);
const PAGE_BYTES = 4096;
/** Bits flipped in one file, each in a different page. */
const FLIPS = 20;
const KINDS = ['swapped', 'zeroed', 'flipped', 'truncated'];

export default {
  name: 'damage',
  bar: '200 damaged files: no wrong value, no false 404; a file with damage that a reader met was noticed',
  sizes: { short: { trials: 8 }, long: { trials: 200 } },
  sabotages: { 'no-checksums': { trials: 120 }, 'no-check-of-the-index': { trials: 120 } },
  async run(size, { say, sabotage }) {
    const folder = await makeFolder('damage');
    const sound = join(folder, 'sound');
    const runtimes = [bunPath(), process.execPath];
    spawnSync(runtimes[0], [PROGRAM, 'make', sound]);
    const seen = { trials: 0, wrong: 0, lost: 0, refused: 0, noticed: 0, signals: 0 };
    const problems = [];
    for (let trial = 0; trial < size.trials; trial += 1) {
      const kind = KINDS[trial % KINDS.length];
      const copy = join(folder, 'copy');
      await cp(sound, copy, { recursive: true });
      const pages = await spoil(join(copy, 'data.mdb'), kind);
      const runtime = runtimes[Math.floor(trial / KINDS.length) % runtimes.length];
      const env = { ...process.env, ...sabotageEnv(sabotage) };
      const { stdout } = spawnSync(runtime, [PROGRAM, 'read', copy], { encoding: 'utf8', env });
      await rm(copy, { recursive: true });
      seen.trials += 1;
      if (stdout === '') {
        seen.signals += 1;
        continue;
      }
      const found = JSON.parse(stdout);
      seen.wrong += found.wrong;
      seen.lost += found.lost;
      seen.refused += found.refused;
      if (found.damage > 0) seen.noticed += 1;
      if (found.wrong + found.lost > 0) problems.push(`${kind} ${pages}: ${stdout.trim()}`);
      if (trial % 20 === 19) say(`${seen.trials} damaged, ${seen.wrong} wrong, ${seen.lost} lost`);
    }
    return { seen, problems, isMet: seen.wrong === 0 && seen.lost === 0 && seen.noticed > 0 };
  },
};

/** Damages a file in one way; returns the pages. */
async function spoil(path, kind) {
  const file = await open(path, 'r+');
  try {
    const count = Math.floor((await file.stat()).size / PAGE_BYTES);
    const [one, other] = [randomInt(2, count), randomInt(2, count)];
    const read = async (page) => {
      const { buffer } = await file.read(Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, page * PAGE_BYTES);
      return buffer;
    };
    const write = (page, bytes) => file.write(bytes, 0, PAGE_BYTES, page * PAGE_BYTES);
    if (kind === 'swapped') {
      const [first, second] = [await read(one), await read(other)];
      await write(one, second);
      await write(other, first);
    } else if (kind === 'zeroed') {
      await write(one, Buffer.alloc(PAGE_BYTES));
    } else if (kind === 'flipped') {
      for (let flip = 0; flip < FLIPS; flip += 1) {
        const page = randomInt(2, count);
        const bytes = await read(page);
        bytes[randomInt(PAGE_BYTES)] ^= 1 << randomInt(8);
        await write(page, bytes);
      }
    } else {
      await truncate(path, one * PAGE_BYTES);
    }
    return kind === 'swapped' ? `${one} and ${other}` : one;
  } finally {
    await file.close();
  }
}
