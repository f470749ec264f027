/**
 * Random operations on a fresh embedded store and on the plain model, compared after each; run by Bun, straight from the sources.
 *
 *   bun model-run.ts <first seed> <seeds> <operations a seed>
 *
 * Prints a line a seed, and ends with 1 at the first difference, whose seed brings the very same run back.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareAtRandom } from '../packages/server/src/storage/conformance/model-comparison.ts';
import { openLmdbStores } from '../packages/server/src/storage/lmdb/open-lmdb-stores.ts';

/** What is compared is what is answered, not the disk; in memory it goes many times faster. */
const FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const [first = 1, seeds = 1, operations = 100] = process.argv.slice(2).map(Number);

for (let seed = first; seed < first + seeds; seed += 1) {
  const path = await mkdtemp(join(FOLDER, 'quiver-model-'));
  const stores = await openLmdbStores({ path });
  try {
    await compareAtRandom(stores, seed, operations);
    process.stdout.write(`seed ${seed}: alike\n`);
  } catch (error) {
    process.stdout.write(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await stores.close();
    await rm(path, { recursive: true, force: true });
  }
  if (process.exitCode === 1) break;
}
