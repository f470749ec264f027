/**
 * A serving worker is stopped (SIGSTOP) while it does not hold the writer lock of the store. No
 * other process waits for it, so only the connections that were given to it show it: the supervisor
 * must notice it by its silence, say which one it is, and replace it, and every request must come
 * to an end.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ask, compareWithJournal, Journal, startLanes, until } from './lanes.mjs';
import { pairedRounds } from './paired-rounds.mjs';
import { built, childrenOf, makeFolder, startQuiver } from './quiver-process.mjs';

const LANES = 16;
/** Ten beats without an answer, and a margin for a busy machine. */
const MAX_REQUEST_MS = 20_000;
const GIVE_UP_MS = 40_000;

export default {
  name: 'stopped-worker',
  bar: 'a worker stopped without the writer lock, 10 of 10: the log names it, it is replaced, every request at it ends within 20 s, nothing lost',
  sizes: { short: { rounds: 2 }, long: { rounds: 10 } },
  /** It gives up sooner, because a worker that is not replaced is enough for a proof. */
  sabotages: { 'no-heartbeats': { rounds: 1, giveUpMs: 15_000 } },
  async run({ rounds, giveUpMs = GIVE_UP_MS }, { say, sabotage }) {
    const folder = await makeFolder('stopped-worker');
    const seen = { rounds: 0, well: 0, slowestMs: 0, asked: 0, cut: 0, lost: 0, torn: 0 };
    return pairedRounds({ rounds, folder, seen, say }, (one) => round({ ...one, giveUpMs, sabotage, seen }));
  },
};

async function round({ runtime, dataDir, giveUpMs, sabotage, seen, problem }) {
  const quiver = await startQuiver({ runtime, dataDir, flags: ['--workers', '3'], sabotage });
  const journal = new Journal();
  const load = startLanes({ url: quiver.url, name: runtime, lanes: LANES, journal });
  try {
    await until(() => journal.last.size === LANES, 20_000, 'the load');
    const stopped = await stopOneWithoutTheLock(quiver.pid, join(dataDir, 'store', 'lock.mdb'));
    const started = performance.now();
    const isReplaced = () => !servingWorkers(quiver.pid).includes(stopped);
    const asked = [];
    // Each on a connection of its own, so some of them are given to the stopped worker.
    while (performance.now() - started < giveUpMs && !isReplaced()) {
      asked.push(timedFetch(quiver.url));
      await setTimeout(100);
    }
    if (!isReplaced()) {
      problem(`the stopped worker was still there after ${giveUpMs} ms`);
      return;
    }
    const named = new RegExp(`"pid":${stopped},"missedHeartbeats":10`);
    // Its output may not have arrived yet.
    await until(() => named.test(quiver.printed.stderr), 20_000, 'the log').catch(() =>
      problem(`the log does not name ${stopped}`),
    );
    for (const { status, ms } of await Promise.all(asked)) {
      seen.asked += 1;
      seen.slowestMs = Math.max(seen.slowestMs, Math.round(ms));
      if (ms > MAX_REQUEST_MS) problem(`a request took ${Math.round(ms)} ms`);
      if (status === 'cut') seen.cut += 1;
      else if (status !== 404) problem(`a request was answered with ${status}`);
    }
    await load.stop();
    await until(() => servingWorkers(quiver.pid).length === 3, 20_000, 'the replacement');
    const counted = async () => {
      const { text } = await ask(`${quiver.url}/metrics`);
      return /^quiver_worker_restarts_total 1$/m.test(text);
    };
    await until(counted, 20_000, 'quiver_worker_restarts_total 1');
    const { lost, torn } = await compareWithJournal(quiver.url, journal.last.keys(), journal);
    seen.lost += lost;
    seen.torn += torn;
    if (lost + torn > 0) problem(`${lost} lost, ${torn} torn`);
  } finally {
    await quiver.kill();
    await load.stop();
  }
}

/** How a fetch of an unknown profile ended, and after how many milliseconds. */
async function timedFetch(url) {
  const started = performance.now();
  const answer = ask(`${url}/rest/v1/profiles/nobody?client=demo`, { agent: false, timeout: GIVE_UP_MS });
  const { status } = await answer.catch(() => ({ status: 'cut' }));
  return { status, ms: performance.now() - started };
}

/** Stops a serving worker that is between two writes. @returns its process id */
async function stopOneWithoutTheLock(supervisor, lockFile) {
  const { writerLockHolder } = await built('locks/writer-lock.js');
  for (;;) {
    for (const pid of servingWorkers(supervisor)) {
      process.kill(pid, 'SIGSTOP');
      await setTimeout(50);
      const held = [];
      for (let look = 0; look < 3; look += 1) {
        held.push((await writerLockHolder(lockFile))?.pid);
        await setTimeout(50);
      }
      if (!held.includes(pid)) return pid;
      process.kill(pid, 'SIGCONT');
      await setTimeout(5);
    }
  }
}

/** The process ids of the workers that serve, by the role that their command line shows. */
function servingWorkers(supervisor) {
  return childrenOf(supervisor).filter(isServing);
}

function isServing(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0serving\0');
  } catch {
    return false;
  }
}
