/**
 * `quiver restore --force` while a server starts on the same folder: one of them is refused, or
 * they run one after the other. Everything the server has acknowledged must be in the data folder
 * afterwards.
 */

import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ask, attributesOf, until, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, runQuiver, startQuiver } from './quiver-process.mjs';

/**
 * How many milliseconds the server starts before the restore, from and to; with a negative number
 * the restore starts first. A server opens its store within 700 ms.
 */
const LEADS_MS = [-700, 700];
const SERVE = ['--workers', '2'];
const ROWS = 100_000;

export default {
  name: 'restore-race',
  bar: 'a server started during a restore, 40 of 40: what it acknowledged is in the data folder, whoever came first',
  sizes: { short: { rounds: 4 }, long: { rounds: 40 } },
  sabotages: { 'blind-locks': { rounds: 4, whileItCopies: true } },
  /**
   * @param whileItCopies whether the server starts, at any time, while the restore is copying and
   *   has already looked for servers; false by default
   */
  async run({ rounds, whileItCopies = false }, { say, sabotage }) {
    const [first, last] = LEADS_MS;
    const folder = await makeFolder('restore-race');
    const template = join(folder, 'template');
    const copy = join(folder, 'copy');
    const filled = await startQuiver({ runtime: 'bun', dataDir: template, flags: SERVE });
    await fill(filled.url);
    await filled.stop();
    await succeed(['backup', '--data', template, copy]);
    const seen = { rounds: 0, servedAlone: 0, restoredAlone: 0, both: 0, acknowledged: 0, lost: 0 };
    const problems = [];
    for (let n = 0; n < rounds; n += 1) {
      const dataDir = join(folder, `data${n}`);
      await cp(template, dataDir, { recursive: true });
      const lead = Math.round(first + ((last - first) * n) / rounds);
      const { served, restored } = await race({
        ...{ dataDir, copy, lead: whileItCopies ? 0 : lead, whileItCopies },
        ...{ runtime: RUNTIMES[n % 2], sabotage },
      });
      if (!served && restored.code !== 0) problems.push(`round ${n}: both were refused: ${restored.stderr}`);
      if (restored.code !== 0 && !/is running on|is at work in/.test(restored.stderr))
        problems.push(`round ${n}: ${restored.stderr.trim()}`);
      if (served) {
        const gone = (error) => {
          problems.push(`round ${n}: the server ended by itself: ${error.message}`);
          return {};
        };
        const { status } = await visit(served.url, { tntId: `round${n}` }, { first: '1' }).catch(gone);
        if (status === 200) seen.acknowledged += 1;
        await served.stop();
        if (status === 200 && !(await isThere(dataDir, `round${n}`))) {
          seen.lost += 1;
          problems.push(`round ${n}: acknowledged, and not in the data folder (lead ${lead} ms)`);
        }
      }
      if (served && restored.code === 0) seen.both += 1;
      else if (served) seen.servedAlone += 1;
      else seen.restoredAlone += 1;
      seen.rounds += 1;
      say(`${seen.rounds} of ${rounds}: lead ${lead} ms, ${served ? 'served' : 'refused'}, ${restored.code}`);
      await rm(dataDir, { recursive: true });
    }
    return { seen, problems, isMet: problems.length === 0 && seen.lost === 0 && seen.rounds === rounds };
  },
};

/** Enough profiles that a restore takes a moment to copy them. */
async function fill(url) {
  const rows = Array.from({ length: ROWS }, (_, row) => `r${row},${String(row).padEnd(200, 'v')}`);
  const body = `batch=thirdPartyId,value\n${rows.join('\n')}`;
  const { status, text } = await ask(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body });
  if (status !== 200) throw new Error(`the batch was not taken: ${text}`);
  const last = `thirdPartyId/r${ROWS - 1}`;
  await until(() => attributesOf(url, last), 60_000, 'the end of the batch');
}

/**
 * @param lead how many milliseconds the server starts before the restore; negative when it starts
 *   after it
 */
async function race({ dataDir, copy, lead, whileItCopies, runtime, sabotage }) {
  const copies = async () => (await readdir(dataDir)).some((name) => name.startsWith('.restoring-'));
  const begin = whileItCopies ? until(copies, 60_000, 'copying') : setTimeout(Math.max(0, -lead));
  const serving = begin.then(() =>
    startQuiver({ runtime, dataDir, flags: SERVE, sabotage }).catch((error) => error),
  );
  const restoring = setTimeout(Math.max(0, lead)).then(() =>
    runQuiver(runtime, ['restore', '--data', dataDir, '--force', copy], { sabotage }),
  );
  const [served, restored] = await Promise.all([serving, restoring]);
  return { served: served instanceof Error ? undefined : served, restored };
}

async function isThere(dataDir, tntId) {
  const server = await startQuiver({ runtime: 'bun', dataDir, flags: SERVE });
  try {
    return (await attributesOf(server.url, tntId)) !== undefined;
  } finally {
    await server.stop();
  }
}

async function succeed(args) {
  const { code, stderr } = await runQuiver('bun', args);
  if (code !== 0) throw new Error(`quiver ${args[0]} ended with ${code}: ${stderr.trim()}`);
}
