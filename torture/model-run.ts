/**
 * Random operations on an empty store and on the plain model, compared after each; run by Bun from
 * the sources.
 *
 *   bun model-run.ts <first seed> <seeds> <operations per seed> <lmdb|redis>
 *
 * Prints a line per seed, and ends with 1 at the first difference; its seed repeats exactly the
 * same run.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareAtRandom } from '../packages/server/src/storage/conformance/model-comparison.ts';
import { openLmdbStores } from '../packages/server/src/storage/lmdb/open-lmdb-stores.ts';
import { openRedisStores } from '../packages/server/src/storage/redis/open-redis-stores.ts';
import type { Stores } from '../packages/server/src/storage/stores.ts';
import { startRedisNodes } from '../packages/server/test/redis-nodes.ts';

/** The results are compared, not the disk, and in memory it is many times faster. */
const FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

interface Place {
  /** Opens an empty store. */
  open(seed: number): Promise<Stores>;
  /** Removes the files of a store. */
  remove(seed: number): Promise<void>;
  close(): Promise<void>;
}

const [first = 1, seeds = 1, operations = 100] = process.argv.slice(2, 5).map(Number);
const place = process.argv[5] === 'redis' ? await inRedis() : inFolders();

try {
  for (let seed = first; seed < first + seeds && process.exitCode !== 1; seed += 1) await compare(seed);
} finally {
  await place.close();
}

async function compare(seed: number): Promise<void> {
  const stores = await place.open(seed);
  try {
    await compareAtRandom(stores, seed, operations);
    process.stdout.write(`seed ${seed}: alike\n`);
  } catch (error) {
    process.stdout.write(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await stores.close();
    await place.remove(seed);
  }
}

function inFolders(): Place {
  let path = '';
  return {
    async open() {
      path = await mkdtemp(join(FOLDER, 'quiver-model-'));
      return openLmdbStores({ path });
    },
    remove: () => rm(path, { recursive: true, force: true }),
    async close() {},
  };
}

async function inRedis(): Promise<Place> {
  const nodes = await startRedisNodes();
  const seedNodes = nodes.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  return {
    open: (seed) => openRedisStores({ seeds: seedNodes, connection: {}, prefix: `model-${seed}` }),
    async remove() {},
    close: () => nodes.stop(),
  };
}
