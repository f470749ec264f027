/** SIGTERM under load: exit code 0 in time, and everything acknowledged is stored. */

import { compareWithJournal, Journal, startLanes, until } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const LANES = 32;
const MOST_MS = 10_000;

export default {
  name: 'stop',
  bar: 'exit 0 within 10 s, 0 acknowledged lost, 50 of 50',
  sizes: { short: { rounds: 4 }, long: { rounds: 50 } },
  sabotages: { 'endless-close': { rounds: 1 }, 'write-behind-and-exit': { rounds: 4 } },
  async run(size, { say, sabotage }) {
    const dataDir = await makeFolder('stop');
    const journal = new Journal();
    const seen = { rounds: 0, ended0InTime: 0, slowestMs: 0, acknowledged: 0, lost: 0, torn: 0 };
    let previous = [];
    const check = async (url) => {
      const { lost, torn } = await compareWithJournal(url, previous, journal);
      seen.lost += lost;
      seen.torn += torn;
    };
    for (let round = 0; round < size.rounds; round += 1) {
      const flags = ['--workers', `${1 + (Math.floor(round / 2) % 2)}`];
      const quiver = await startQuiver({ runtime: RUNTIMES[round % 2], dataDir, flags, sabotage });
      await check(quiver.url);
      const target = journal.acknowledged + LANES * 4 + Math.random() * 1000;
      const load = startLanes({ url: quiver.url, name: `round${round}`, lanes: LANES, journal });
      await until(() => journal.acknowledged >= target, 60_000, 'the load');
      const { code, ms } = await quiver.stop();
      await load.stop();
      seen.rounds += 1;
      if (code === 0 && ms <= MOST_MS) seen.ended0InTime += 1;
      seen.slowestMs = Math.max(seen.slowestMs, Math.round(ms));
      previous = [...journal.last.keys()].filter((id) => id.startsWith(`round${round}-`));
      say(
        `${seen.ended0InTime} of ${seen.rounds} ended well, the slowest in ${seen.slowestMs} ms, ${seen.lost} lost`,
      );
      // One miss is enough for a proof.
      if (sabotage && seen.lost > 0) break;
    }
    const last = await startQuiver({ runtime: 'node', dataDir });
    await check(last.url);
    await last.stop();
    seen.acknowledged = journal.acknowledged;
    return { seen, isMet: seen.ended0InTime === size.rounds && seen.lost === 0 && seen.torn === 0 };
  },
};
