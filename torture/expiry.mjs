/**
 * Reads while the clock is moved, to and across the exact millisecond in which each profile
 * expires: no profile may be served from then on, and none may be missing before. The sweeper runs
 * now and then; what it freed while the clock was ahead may be missing when the clock is set back.
 */

import { join } from 'node:path';
import { built, makeFolder, sabotageEnv } from './quiver-process.mjs';

const DAY = 86_400_000;
const PROFILES = 5000;
const READS_A_MOVE = 100;
const LIFETIMES = [1, 2, 14, 90];

export default {
  name: 'expiry',
  bar: 'no expired profile served in 1,000,000 reads with the clock moved about',
  sizes: { short: { reads: 100_000 }, long: { reads: 1_000_000 } },
  sabotages: { 'a-millisecond-too-long': { reads: 20_000 } },
  async run({ reads }, { say, sabotage }) {
    const { NODE_OPTIONS } = sabotageEnv(sabotage);
    if (NODE_OPTIONS) await import(NODE_OPTIONS.replace('--import ', ''));
    const { openLmdbStores } = await built('storage/lmdb/open-lmdb-stores.js');
    const stores = await openLmdbStores({ path: join(await makeFolder('expiry'), 'store') });
    const store = stores.profiles;
    const people = Array.from({ length: PROFILES }, (_, n) => ({
      id: { kind: ['tntId', 'thirdPartyId', 'ecid'][n % 3], value: `v${n}` },
      expiresAt: 0,
      writes: 0,
    }));
    let now = Date.now();
    const write = async (person) => {
      const lifetimeDays = pick(LIFETIMES);
      person.writes += 1;
      const settings = new Map([['n', String(person.writes)]]);
      await store.update('demo', person.id, settings, { now, lifetimeDays }, true);
      person.expiresAt = now + lifetimeDays * DAY;
    };
    await Promise.all(people.map(write));
    const seen = { reads: 0, moves: 0, swept: 0, aliveServed: 0, expiredServed: 0, livingMissed: 0 };
    let sweptUpTo = 0;
    while (seen.reads < reads) {
      const target = pick(people);
      now = pick([
        () => target.expiresAt - 1,
        () => target.expiresAt,
        () => target.expiresAt + 1,
        () => now + Math.floor(Math.random() * DAY),
        () => now - Math.floor(Math.random() * DAY),
      ])();
      seen.moves += 1;
      for (let n = 0; n < READS_A_MOVE; n += 1) {
        const person = n === 0 ? target : pick(people);
        const found = await store.find('demo', person.id, now);
        const isAlive = now < person.expiresAt;
        if (found !== undefined && isAlive) seen.aliveServed += 1;
        if (found !== undefined && !isAlive) seen.expiredServed += 1;
        if (found === undefined && isAlive && person.expiresAt > sweptUpTo) seen.livingMissed += 1;
      }
      seen.reads += READS_A_MOVE;
      if (seen.moves % 3 === 0) await Promise.all(Array.from({ length: 20 }, () => write(pick(people))));
      if (seen.moves % 50 === 0) {
        seen.swept += (await stores.chores.steps.sweep(now, 500)).removed;
        sweptUpTo = Math.max(sweptUpTo, now);
      }
      if (seen.reads % 100_000 === 0) say(`${seen.reads} reads, ${seen.expiredServed} expired ones served`);
    }
    await stores.close();
    // Most reads must have found a profile, otherwise they would prove nothing.
    const isTelling = seen.aliveServed > reads / 20;
    return { seen, isMet: seen.expiredServed === 0 && seen.livingMissed === 0 && isTelling };
  },
};

function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}
