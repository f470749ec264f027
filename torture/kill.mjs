/**
 * Kills all processes with -9 at a random moment, on Bun and Node in turn; what was acknowledged
 * must be there after the next start.
 *
 * Two of three are killed under load, the third in the pause after it, while the store merges and
 * cleans.
 */

import { setTimeout } from 'node:timers/promises';
import { compareWithJournal, Journal, startLanes, until } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const LANES = 48;
/**
 * In milliseconds; a store begins its upkeep within the first half and finishes long before the
 * end.
 */
const LONGEST_PAUSE = 1000;

export default {
  name: 'kill',
  bar: '50 kills, 100,000 acknowledged, 0 lost, 0 torn',
  sizes: {
    short: { kills: 4, acknowledged: 3000 },
    long: { kills: 50, acknowledged: 100_000 },
  },
  /** Sabotages of the server, and how long it takes to notice each. */
  sabotages: {
    'write-behind': { kills: 4, acknowledged: 3000 },
    'half-updates': { kills: 4, acknowledged: 3000 },
  },
  async run(size, { say, sabotage }) {
    const dataDir = await makeFolder('kill');
    const journal = new Journal();
    const each = size.acknowledged / size.kills;
    let kills = 0;
    let lost = 0;
    let torn = 0;
    let previous = [];
    const check = async (url) => {
      const seen = await compareWithJournal(url, previous, journal);
      lost += seen.lost;
      torn += seen.torn;
    };
    while (kills < size.kills || journal.acknowledged < size.acknowledged) {
      const runtime = RUNTIMES[kills % 2];
      const workers = 1 + (Math.floor(kills / 2) % 2);
      const quiver = await startQuiver({ runtime, dataDir, flags: ['--workers', `${workers}`], sabotage });
      await check(quiver.url);
      const before = journal.acknowledged;
      const target = before + each * (0.6 + Math.random() * 0.9);
      const load = startLanes({ url: quiver.url, name: `life${kills}`, lanes: LANES, journal });
      await until(() => journal.acknowledged >= target, 60_000, 'the load');
      if (kills % 3 === 2) {
        await load.stop();
        await setTimeout(Math.random() * LONGEST_PAUSE);
      }
      await quiver.kill();
      await load.done;
      kills += 1;
      previous = [...journal.last.keys()].filter((id) => id.startsWith(`life${kills - 1}-`));
      say(`${kills} kills, ${journal.acknowledged} acknowledged, ${lost} lost, ${torn} torn`);
      // One miss is enough for a proof.
      if (sabotage && lost + torn > 0) break;
    }
    // Everything is checked once more, because a later run must not lose what an earlier one has
    // kept.
    const last = await startQuiver({ runtime: 'bun', dataDir });
    previous = [...journal.last.keys()];
    lost = 0;
    await check(last.url);
    await last.stop();
    return {
      seen: { kills, acknowledged: journal.acknowledged, profiles: journal.last.size, lost, torn },
      isMet: lost === 0 && torn === 0,
    };
  },
};
