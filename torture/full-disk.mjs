/**
 * Fills the disk again and again: writes are refused at once with the right error, reads continue,
 * and writes are accepted again when there is space.
 */

import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, attributesOf, compareWithJournal, Journal, startLanes, until, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const DISK = '96m';
const MiB = 1024 ** 2;
const REFUSED_WITHIN = 1000;
const TAKEN_WITHIN = 5000;

export default {
  name: 'full-disk',
  bar: 'writes 507 within 1 s, reads go on, nothing lost, writes work 5 s after space is back, 20 of 20',
  sizes: { short: { rounds: 2 }, long: { rounds: 20 } },
  sabotages: { 'no-watch-on-space': { rounds: 2 } },
  async run(size, { say, sabotage }) {
    const folder = await makeFolder('disk');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      return { skipped: 'needs the right to mount a small tmpfs' };
    }
    const seen = {
      rounds: 0,
      well: 0,
      slowestRefusalMs: 0,
      slowestReturnMs: 0,
      readsWhileFull: 0,
      lost: 0,
      torn: 0,
    };
    const problems = [];
    const journal = new Journal();
    try {
      for (const runtime of RUNTIMES) {
        const quiver = await startQuiver({
          runtime,
          dataDir: join(folder, 'data'),
          flags: ['--workers', '2'],
          sabotage,
        });
        try {
          for (let round = 0; round < size.rounds / 2; round += 1) {
            const context = { quiver, folder, journal, seen, name: `${runtime}${round}` };
            const problem = await oneRound(context).catch((error) => error.message);
            seen.rounds += 1;
            if (problem === undefined) seen.well += 1;
            else problems.push(`${runtime}: ${problem}`);
            say(`${seen.well} of ${seen.rounds}${problem ? `, ${problem}` : ''}`);
          }
        } finally {
          await quiver.kill();
        }
      }
    } finally {
      execFileSync('umount', ['-l', folder]);
    }
    return { seen, problems, isMet: seen.well === size.rounds && seen.lost === 0 && seen.torn === 0 };
  },
};

/** Fills the disk under load and frees it again; returns what went wrong, if anything. */
async function oneRound({ quiver, folder, journal, seen, name }) {
  const { url } = quiver;
  const ballast = join(folder, 'ballast');
  const load = startLanes({ url, name, lanes: 8, journal });
  await until(() => journal.last.size > 0 && journal.last.get(`${name}-0`) > 3, 20_000, 'the load');
  await fill(ballast, folder);
  const problems = [];
  // The server measures the space a few times per second; from then on no write may succeed and
  // none may hang.
  await until(
    async () => (await visit(url, { tntId: `${name}-probe` }, { a: '1' })).status !== 200,
    5000,
    'the first refusal',
  );
  await load.stop();
  for (let n = 0; n < 20; n += 1) {
    const started = performance.now();
    const { status } = await visit(url, { tntId: `${name}-full-${n}` }, { a: '1' });
    const ms = Math.round(performance.now() - started);
    seen.slowestRefusalMs = Math.max(seen.slowestRefusalMs, ms);
    if (status !== 507 || ms > REFUSED_WITHIN)
      problems.push(`a write was answered with ${status} after ${ms} ms`);
    if ((await attributesOf(url, `${name}-0`)) === undefined) problems.push('a profile could not be read');
    seen.readsWhileFull += 1;
  }
  const batch = await ask(`${url}/m2/demo/v2/profile/batchUpdate`, {
    method: 'POST',
    body: `batch=pcId,a\nx,${name}`,
  });
  if (batch.status !== 507) problems.push(`a batch was answered with ${batch.status}`);
  const ready = await ask(`${url}/readyz`);
  if (ready.status !== 503) {
    // Cleaning may have recovered enough space within the file; then writes are accepted as well.
    const { status } = await visit(url, { tntId: `${name}-ready` }, { a: '1' });
    if (status !== 200)
      problems.push(`/readyz said ${ready.status}, and a write was answered with ${status}`);
  }

  const ids = [...journal.last.keys()].filter((id) => id.startsWith(`${name}-`));
  const { lost, torn } = await compareWithJournal(url, ids, journal);
  seen.lost += lost;
  seen.torn += torn;
  await truncate(ballast, 0);
  const freed = performance.now();
  const isTaken = async () => (await visit(url, { tntId: `${name}-back` }, { a: '1' })).status === 200;
  await until(isTaken, TAKEN_WITHIN, 'a write after space was back');
  seen.slowestReturnMs = Math.max(seen.slowestReturnMs, Math.round(performance.now() - freed));
  return problems[0];
}

/** Writes until nothing is free. */
async function fill(file, folder) {
  const handle = await open(file, 'w');
  const chunk = Buffer.alloc(MiB);
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(folder);
      if (bavail === 0) break;
      await handle.write(chunk, 0, Math.min(MiB, bavail * bsize));
    }
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  } finally {
    await handle.close();
  }
}
