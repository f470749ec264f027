/**
 * A worker is stopped (SIGSTOP) in a write transaction, so that it holds the writer lock of the
 * store and does not continue. Writes at other workers must end all the same, readiness must report
 * it, the log must name the holder, and the supervisor must end it.
 */

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ask, compareWithJournal, Journal, startLanes, until, visit } from './lanes.mjs';
import { pairedRounds } from './paired-rounds.mjs';
import { built, childrenOf, makeFolder, startQuiver } from './quiver-process.mjs';

const LANES = 16;
/**
 * Five seconds for the current commit, five for the next one, and a margin for a busy machine.
 */
const MAX_WRITE_MS = 13_000;
/** In a test, which shares the machine with other work, only a write that hangs is a failure. */
const MAX_WRITE_MS_IN_TESTS = 28_000;
const MAX_STALL_MS = 30_000;
const TRIES = 400;

export default {
  name: 'stopped-holder',
  bar: 'a worker stopped while it holds the writer lock, 10 of 10: writes at the others end within 13 s, /readyz is 503, the log names it, it is replaced, nothing lost',
  sizes: {
    short: { rounds: 2, mostMs: MAX_WRITE_MS_IN_TESTS },
    long: { rounds: 10, mostMs: MAX_WRITE_MS },
  },
  sabotages: { 'patient-writes': { rounds: 1, mostMs: MAX_WRITE_MS } },
  async run({ rounds, mostMs }, { say, sabotage }) {
    const folder = await makeFolder('stopped-holder');
    const seen = {
      rounds: 0,
      well: 0,
      slowestWriteMs: 0,
      longestStallMs: 0,
      refused: 0,
      cut: 0,
      lost: 0,
      torn: 0,
    };
    return pairedRounds({ rounds, folder, seen, say }, (one) => round({ ...one, mostMs, sabotage, seen }));
  },
};

async function round({ n, runtime, dataDir, mostMs, sabotage, seen, problem }) {
  const quiver = await startQuiver({ runtime, dataDir, flags: ['--workers', '3'], sabotage });
  const journal = new Journal();
  const load = startLanes({ url: quiver.url, name: `round${n}`, lanes: LANES, journal });
  try {
    await until(() => journal.last.size === LANES, 20_000, 'the load');
    const holder = await stopOneThatHolds(quiver.pid, join(dataDir, 'store', 'lock.mdb'));
    const started = performance.now();
    const writes = [];
    let unreadiness;
    let isOver = false;
    while (!isOver && performance.now() - started < MAX_STALL_MS) {
      const write = timedVisit(quiver.url, `after${writes.length}`);
      writes.push(write);
      void write.then(({ status, ms }) => {
        // A write answered after the stop, and not just before it.
        if (status === 200 && performance.now() - started > 1000 && ms < 4000) isOver = true;
      });
      void ask(`${quiver.url}/readyz`, { timeout: 5000 }).then(
        ({ status, text }) => {
          if (status === 503) unreadiness = text;
        },
        () => {},
      );
      await setTimeout(250);
    }
    seen.longestStallMs = Math.max(seen.longestStallMs, Math.round(performance.now() - started));
    if (!isOver) problem(`no write went through for ${MAX_STALL_MS} ms`);
    if (unreadiness === undefined) problem('/readyz never said 503');
    const named = new RegExp(`"holder":${holder},`);
    // Its output may not have arrived yet.
    await until(() => named.test(quiver.printed.stderr), 20_000, 'the log').catch(() =>
      problem(`the log does not name ${holder}`),
    );
    const ended = await Promise.all(writes);
    for (const { status, ms } of ended) {
      seen.slowestWriteMs = Math.max(seen.slowestWriteMs, Math.round(ms));
      if (ms > mostMs) problem(`a write took ${Math.round(ms)} ms`);
      if (status === 503) seen.refused += 1;
      else if (status === 'cut') seen.cut += 1;
      else if (status !== 200) problem(`a write was answered with ${status}`);
    }
    await load.stop();
    if (!isOver) return;
    const { lost, torn } = await compareWithJournal(quiver.url, journal.last.keys(), journal);
    seen.lost += lost;
    seen.torn += torn;
    if (lost + torn > 0) problem(`${lost} lost, ${torn} torn`);
  } finally {
    await quiver.kill();
    await load.stop();
  }
}

/**
 * How a write ended, and after how many milliseconds; a write at the stopped worker is cut when
 * that is killed.
 */
async function timedVisit(url, tntId) {
  const started = performance.now();
  const { status } = await visit(url, { tntId }, { seen: 'now' }, { timeout: MAX_STALL_MS }).catch(() => ({
    status: 'cut',
  }));
  return { status, ms: performance.now() - started };
}

/**
 * Stops one worker after another for a moment, until one holds the lock; that one stays stopped.
 * @returns its process id
 */
async function stopOneThatHolds(supervisor, lockFile) {
  const { writerLockHolder } = await built('locks/writer-lock.js');
  for (let tries = 0; tries < TRIES; tries += 1) {
    for (const pid of childrenOf(supervisor)) {
      process.kill(pid, 'SIGSTOP');
      await setTimeout(20);
      const first = await writerLockHolder(lockFile);
      if (first?.pid === pid) {
        await setTimeout(100);
        const second = await writerLockHolder(lockFile);
        if (second?.pid === pid && second.lastCommit === first.lastCommit) return pid;
      }
      process.kill(pid, 'SIGCONT');
      await setTimeout(5);
    }
  }
  throw new Error('no worker was caught with the writer lock');
}
