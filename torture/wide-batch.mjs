/**
 * A batch of 10,000 columns while single updates are sent. Each step of it occupies the writer for
 * a few milliseconds, however wide its rows are, so updates by others continue. Their times are
 * compared with those without the batch, on the same server.
 */

import { ask, until, update, visit } from './lanes.mjs';
import { makeFolder, startQuiver } from './quiver-process.mjs';

const MOST_MORE_MS = 100;

export default {
  name: 'wide-batch',
  bar: `a batch of 10,000 columns beside updates of another profile: the 99th percentile of their time grows by under ${MOST_MORE_MS} ms, every row is applied`,
  sizes: { short: { columns: 10_000, rows: 60 }, long: { columns: 10_000, rows: 1000 } },
  sabotages: { 'endless-slices': { columns: 10_000, rows: 300 } },
  async run({ columns, rows }, { sabotage }) {
    const dataDir = await makeFolder('wide');
    const quiver = await startQuiver({ runtime: 'bun', dataDir, flags: ['--workers', '1'], sabotage });
    try {
      const { url } = quiver;
      await visit(url, { tntId: 'other' }, { a: '1' });
      const alone = await timesWhile(url, new Promise((resolve) => setTimeout(resolve, 2000)));
      const names = Array.from({ length: columns }, (_, n) => `c${n.toString(36)}`);
      const lines = [`batch=pcId,${names.join(',')}`];
      for (let n = 0; n < rows; n += 1)
        lines.push(`wide-${n},${names.map((_, at) => (n + at) % 10).join(',')}`);
      // Twice: created first, then changed attribute by attribute.
      const beside = [];
      let applied = 0;
      for (let time = 0; time < 2; time += 1) {
        const done = batch(url, `${lines.join('\n')}\n`);
        beside.push(...(await timesWhile(url, done)));
        applied += await done;
      }
      beside.sort((one, other) => one - other);
      const at = (times, share) =>
        Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))]);
      const seen = {
        rows: applied,
        updates: beside.length,
        aloneP99Ms: at(alone, 0.99),
        besideP99Ms: at(beside, 0.99),
        slowestAloneMs: at(alone, 1),
        slowestBesideMs: at(beside, 1),
      };
      return { seen, isMet: applied === 2 * rows && seen.besideP99Ms - seen.aloneP99Ms < MOST_MORE_MS };
    } finally {
      await quiver.stop();
    }
  },
};

/** @returns how many rows were applied, when all are */
async function batch(url, body) {
  const sent = await ask(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body });
  const status = /<batchStatus>([^<]+)</.exec(sent.text)?.[1];
  if (status === undefined) throw new Error(sent.text);
  const text = await until(
    async () => {
      const { text: told } = await ask(`${status}&showDetails=true`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return told.includes('<status>complete<') && told;
    },
    300_000,
    'the batch',
  );
  return Number(/<successfulUpdates>(\d+)</.exec(text)?.[1]);
}

/** The times of updates of one profile, one after another, until `end`; in milliseconds, sorted. */
async function timesWhile(url, end) {
  const times = [];
  let running = true;
  void end.finally(() => {
    running = false;
  });
  for (let n = 0; running; n += 1) {
    const started = performance.now();
    const { status } = await update(url, 'other', { a: String(n) });
    if (status !== 200) throw new Error(`an update was answered with ${status}`);
    times.push(performance.now() - started);
  }
  await end;
  return times.sort((one, other) => one - other);
}
