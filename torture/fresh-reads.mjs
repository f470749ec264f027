/**
 * The next fetch reads every acknowledged update, at any worker, even when the timers of the server
 * are slow. Each lane updates over one connection and fetches over another, which belongs to
 * another worker.
 */

import { Agent } from 'node:http';
import { join } from 'node:path';
import { attributesOf, update, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const LANES = 8;

export default {
  name: 'fresh-reads',
  bar: '12,000 fetches on each runtime, each right after an acknowledged update, with timers 12 ms too slow: none from before it',
  sizes: { short: { fetches: 1000 }, long: { fetches: 12_000 } },
  sabotages: { 'shared-snapshots': { fetches: 6000, runtimes: ['node'], endsAtOne: true } },
  async run(size, { say, sabotage = 'slow-timers' }) {
    const { fetches, runtimes = RUNTIMES } = size;
    const folder = await makeFolder('fresh-reads');
    const seen = {};
    const problems = [];
    for (const runtime of runtimes) {
      const dataDir = join(folder, runtime);
      const quiver = await startQuiver({ runtime, dataDir, flags: ['--workers', '2'], sabotage });
      const counts = { fetches: 0, stale: 0 };
      await Promise.all(
        Array.from({ length: LANES }, (_, lane) =>
          runLane(quiver.url, lane, fetches / LANES, counts, size.endsAtOne),
        ),
      );
      await quiver.stop();
      seen[`${runtime}Fetches`] = counts.fetches;
      seen[`${runtime}Stale`] = counts.stale;
      say(`${runtime}: ${counts.stale} of ${counts.fetches} stale`);
      if (counts.stale > 0)
        problems.push(`${runtime}: ${counts.stale} fetches from before an acknowledged update`);
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

/** @param endsAtOne whether a stale fetch of any lane ends it, because one is enough for a proof */
async function runLane(url, lane, fetches, counts, endsAtOne = false) {
  const id = `lane${lane}`;
  // Connections are assigned in turns, so the readers are at both workers.
  const [writer, ...readers] = Array.from({ length: 3 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  await visit(url, { tntId: id }, { n: '0' }, { agent: writer });
  for (let n = 1; n <= fetches && !(endsAtOne && counts.stale > 0); n += 1) {
    const { status, text } = await update(url, id, { n: String(n) }, { agent: writer });
    if (status !== 200 || text.includes('<success>false'))
      throw new Error(`an update was answered with ${text}`);
    const found = await attributesOf(url, id, { agent: readers[n % 2] });
    counts.fetches += 1;
    if (Number(found?.n ?? -1) < n) counts.stale += 1;
  }
  for (const agent of [writer, ...readers]) agent.destroy();
}
