import { join } from 'node:path';
import { RUNTIMES } from './quiver-process.mjs';

/**
 * Runs rounds that wait more than they work: one on each runtime at a time. Counts in `seen` the
 * `rounds`, and those that went `well` because no problem was reported.
 *
 * @param round called with `n`, `runtime`, `dataDir` and `problem(text)`, which reports a problem
 * @returns the result of the torture
 */
export async function pairedRounds({ rounds, folder, seen, say }, round) {
  const problems = [];
  for (let n = 0; n < rounds; n += RUNTIMES.length) {
    const both = RUNTIMES.slice(0, rounds - n).map(async (runtime, at) => {
      const found = [];
      const dataDir = join(folder, `data${n + at}`);
      await round({ n: n + at, runtime, dataDir, problem: (text) => found.push(text) });
      seen.rounds += 1;
      if (found.length === 0) seen.well += 1;
      problems.push(...found.map((text) => `round ${n + at}, ${runtime}: ${text}`));
    });
    await Promise.all(both);
    say(`${seen.well} of ${seen.rounds}`);
  }
  return { seen, problems, isMet: seen.well === rounds };
}
