/**
 * kill -9 during merging, cleaning and folding, on Bun and Node in turn: a process writes to a
 * store with small segments, does the upkeep, and dies a moment after it has started one of the
 * three. Everything acknowledged must be there, and the store intact, when it is opened next.
 */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bunPath } from '../scripts/setup.mjs';
import { Journal } from './lanes.mjs';
import { makeFolder, RUNTIMES, sabotageEnv } from './quiver-process.mjs';
import { lookInto } from './store-look.mjs';

const WRITER = fileURLToPath(new URL('./upkeep-writer.mjs', import.meta.url));
const WORKS = ['merging', 'cleaning', 'folding'];
/** In milliseconds, from the start of the upkeep. */
const LONGEST_WAIT = 15;
const STUCK_MS = 60_000;

export default {
  name: 'upkeep-kill',
  bar: '60 kills while the store merges, cleans and folds: 0 acknowledged lost, 0 torn, the store sound every time',
  sizes: { short: { kills: 6 }, long: { kills: 60 } },
  sabotages: { 'removed-before-copied': { kills: 9 }, 'merged-too-early': { kills: 9 } },
  async run(size, { say, sabotage }) {
    const folder = await makeFolder('upkeep');
    const journal = new Journal();
    const seen = { kills: 0, merging: 0, cleaning: 0, folding: 0, lost: 0, torn: 0, damaged: 0 };
    for (; seen.kills < size.kills; seen.kills += 1) {
      const work = WORKS[seen.kills % WORKS.length];
      // A damaged store ends the process that writes to it.
      if (!(await killDuring(work, { folder, journal, sabotage, life: seen.kills }))) seen.damaged += 1;
      seen[work] += 1;
      await lookInto(folder, journal.last, seen);
      // So that lost writes are counted only once.
      if (seen.lost > 0) journal.last.clear();
      say(
        `${seen.kills + 1} kills, ${journal.acknowledged} acknowledged, ${seen.lost} lost, ${seen.damaged} damaged`,
      );
    }
    const isMet = seen.lost + seen.torn + seen.damaged === 0;
    return { seen: { ...seen, acknowledged: journal.acknowledged }, isMet };
  },
};

/** @returns false when the process ended by itself */
async function killDuring(work, { folder, journal, sabotage, life }) {
  const isBun = RUNTIMES[Math.floor(life / WORKS.length) % 2] === 'bun';
  const child = spawn(isBun ? bunPath() : process.execPath, [WRITER, folder, `life${life}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...sabotageEnv(sabotage) },
  });
  const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)));
  // After enough writes that every kind of upkeep has something to do.
  const ripe = journal.acknowledged + 1500 + Math.random() * 1500;
  const stuck = new AbortController();
  void setTimeout(STUCK_MS, undefined, { signal: stuck.signal }).then(
    () => child.kill('SIGKILL'),
    () => undefined,
  );
  let isDying = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === `@${work}` && journal.acknowledged >= ripe && !isDying) {
      isDying = true;
      void setTimeout(Math.random() * LONGEST_WAIT).then(() => child.kill('SIGKILL'));
    }
    const [, id, n] = /^(life\S+) (\d+)$/.exec(line) ?? [];
    if (id !== undefined) journal.note(id, Number(n));
  }
  const signal = await ended;
  stuck.abort();
  if (!isDying && signal === 'SIGKILL') throw new Error(`no ${work} in ${STUCK_MS} ms`);
  return isDying;
}
