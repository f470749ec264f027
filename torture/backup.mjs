/**
 * `quiver backup` and `quiver restore` under all kinds of writes: every copy contains everything
 * acknowledged before it, undamaged.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokenInvariants } from './invariants.mjs';
import { ask, compareWithJournal, Journal, startLanes, until, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, runQuiver, startQuiver } from './quiver-process.mjs';

const LANES = 24;
const BATCH_ROWS = 30_000;

export default {
  name: 'backup',
  bar: 'every copy made under load opens and holds all invariants, 20 of 20',
  sizes: { short: { copies: 2 }, long: { copies: 20 } },
  sabotages: { 'copy-of-the-live-file': { copies: 6 } },
  async run({ copies }, { say, sabotage }) {
    const folder = await makeFolder('backup');
    const dataDir = join(folder, 'data');
    const quiver = await startQuiver({ runtime: 'bun', dataDir, flags: ['--workers', '2'] });
    const { url } = quiver;
    const journal = new Journal();
    const load = startLanes({ url, name: 'lane', lanes: LANES, journal, padding: `|${'p'.repeat(200)}` });
    const merging = startMerges(url);
    const seen = { copies: 0, well: 0, unfinishedBatches: 0, acknowledged: 0, lost: 0, torn: 0 };
    const problems = [];
    await until(() => journal.last.size === LANES, 20_000, 'the load');
    for (let n = 0; n < copies; n += 1) {
      await ask(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body: batchFile(n) });
      const before = new Map(journal.last);
      const copy = join(folder, `copy${n}`);
      const target = join(folder, `restored${n}`);
      const runtime = RUNTIMES[n % 2];
      try {
        await succeed(runtime, ['backup', '--data', dataDir, copy], { sabotage });
        await succeed(runtime, ['restore', '--data', target, copy]);
        await look({ target, runtime, before, seen, problems, n });
      } catch (error) {
        problems.push(`copy ${n}: ${error.message}`);
      }
      seen.copies += 1;
      seen.well = seen.copies - new Set(problems.map((text) => text.split(':')[0])).size;
      say(`${seen.well} of ${seen.copies}`);
      // One miss is enough for a proof.
      if (sabotage && problems.length > 0) break;
    }
    seen.acknowledged = journal.acknowledged;
    await load.stop();
    await merging.stop();
    await quiver.stop();
    return { seen, problems, isMet: seen.well === copies && seen.lost + seen.torn === 0 };
  },
};

async function succeed(runtime, args, options) {
  const { code, signal, stderr } = await runQuiver(runtime, args, options);
  if (code !== 0) throw new Error(`quiver ${args[0]} ended with ${signal ?? code}: ${stderr.trim()}`);
}

/**
 * Checks a restored folder directly and through a server, which must also finish the interrupted
 * batches.
 */
async function look({ target, runtime, before, seen, problems, n }) {
  const broken = await brokenInvariants(target);
  if (broken.length > 0) problems.push(`copy ${n}: ${broken[0]} (and ${broken.length - 1} more)`);
  const server = await startQuiver({ runtime, dataDir: target, flags: ['--workers', '1'] });
  try {
    const { lost, torn } = await compareWithJournal(server.url, before.keys(), { last: before });
    seen.lost += lost;
    seen.torn += torn;
    if (lost + torn > 0) problems.push(`copy ${n}: ${lost} lost, ${torn} torn`);
    const token = readFileSync(join(target, 'admin-token'), 'utf8').trim();
    const headers = { authorization: `Bearer ${token}` };
    const unfinished = async () => {
      const { text } = await ask(`${server.url}/demo/target/batches`, { headers });
      return JSON.parse(text).batches.filter(({ status, state }) => (state ?? status) !== 'complete').length;
    };
    if ((await unfinished()) > 0) seen.unfinishedBatches += 1;
    await until(async () => (await unfinished()) === 0, 60_000, 'the end of the batches of the copy');
  } finally {
    await server.kill();
  }
}

function batchFile(n) {
  const rows = Array.from({ length: BATCH_ROWS }, (_, row) => `b${row % 4000},${n}-${row},${row}`);
  return `batch=thirdPartyId,value,row\n${rows.join('\n')}`;
}

/**
 * Links and merges continuously, so that a copy made between two steps of a merge would be noticed.
 */
function startMerges(url) {
  const state = { isStopping: false };
  const run = async () => {
    for (let n = 0; !state.isStopping; n += 1) {
      await visit(url, { tntId: `m${n}` }, { seen: 'alone' });
      await visit(url, { tntId: `m${n}`, thirdPartyId: `person${n % 50}` }, { seen: 'known' });
      await visit(url, { tntId: `m${n}`, thirdPartyId: `person${(n + 7) % 50}` }, { seen: 'shared' });
    }
  };
  const done = run();
  return {
    stop() {
      state.isStopping = true;
      return done;
    },
  };
}
