/** Random operations compared with the model, many more in a row than in the tests. */

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bunPath } from '../scripts/setup.mjs';
import { sabotageEnv } from './quiver-process.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SIDE_BY_SIDE = 2;

export default modelTorture({
  name: 'model',
  bar: '100 seeds × 20,000 operations, 0 differences',
  sizes: { short: { seeds: 2, operations: 400 }, long: { seeds: 100, operations: 20_000 } },
  sabotages: { 'forgotten-removals': { seeds: 2, operations: 400 } },
  engine: 'lmdb',
});

/** The comparison of one engine. */
export function modelTorture({ engine, ...torture }) {
  return { ...torture, run: (size, means) => compare(engine, size, means) };
}

async function compare(engine, { seeds, operations }, { say, sabotage }) {
  const bun = bunPath();
  if (!bun) return { skipped: 'needs Bun, which runs the sources' };
  const seen = { seeds: 0, operations: 0, differences: 0 };
  const problems = [];
  // Seeds by date, so that every day has different ones; a difference names its seed.
  const first = Math.floor(Date.now() / 86_400_000) * 1000;
  const share = seeds / SIDE_BY_SIDE;
  const run = (from) =>
    new Promise((resolve, reject) => {
      const args = [join(HERE, 'model-run.ts'), `${from}`, `${share}`, `${operations}`, engine];
      const env = { ...process.env, ...sabotageEnv(sabotage) };
      const child = spawn(bun, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      const take = (text) => {
        for (const line of text.split('\n').filter(Boolean)) {
          if (line.endsWith(': alike')) {
            seen.seeds += 1;
            seen.operations += operations;
          } else problems.push(line);
        }
        say(`${seen.seeds} seeds, ${problems.length} differences`);
      };
      child.stdout.setEncoding('utf8').on('data', take);
      child.stderr.setEncoding('utf8').on('data', (text) => problems.push(text.trim()));
      child.once('error', reject);
      child.once('close', resolve);
    });
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, n) => run(first + n * share)));
  seen.differences = problems.length > 0 ? 'some' : 0;
  return { seen, problems, isMet: seen.seeds === seeds && problems.length === 0 };
}
