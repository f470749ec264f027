/**
 * One person with 100,000 ids: reading, updating and removing the profile cost only what they
 * change, and moving one device to another person blocks nobody for long. Measured as processor
 * time of this process, which alone has the store open, so that other work of the machine matters
 * little.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { makeFolder, sabotageEnv } from './quiver-process.mjs';
import { serverModule } from './sabotage/server-module.mjs';

const SELF = fileURLToPath(import.meta.url);
const AT_ONCE = 500;
const DEVICES = 200;
/** The most time of the writer for one write, in milliseconds; less than others would notice. */
const MOST_MS = 50;
const MOST_TIMES = 5;

export default {
  name: 'many-ids',
  bar: `100,000 ids on one person: a fetch and an update take at most ${MOST_TIMES} times the processor time that they take with 10 ids, a device that moves and a removal under ${MOST_MS} ms, and every id is unknown at once`,
  sizes: { short: { ids: 2000 }, long: { ids: 100_000 } },
  sabotages: { 'removed-at-once': { ids: 20_000 } },
  async run({ ids }, { sabotage }) {
    const folder = await makeFolder('ids');
    // In a separate process, so that it can get a sabotage.
    const env = { ...process.env, ...sabotageEnv(sabotage) };
    const { stdout, stderr, status } = spawnSync(process.execPath, [SELF, folder, String(ids)], {
      env,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    const seen = JSON.parse(stdout);
    const isMet =
      Math.max(seen.fetchTimes, seen.updateTimes) <= MOST_TIMES &&
      Math.max(seen.moveMs, seen.removalMs) <= MOST_MS &&
      seen.stillKnown === 0 &&
      seen.left === 0;
    return { seen, isMet };
  },
};

async function measure(folder, ids) {
  const { openLmdbStores } = await serverModule('storage/lmdb/open-lmdb-stores');
  const store = await openLmdbStores({ path: folder, limits: { ids: 1_000_000, mergedBytes: 1024 ** 2 } });
  let clock = Date.now();
  const moment = () => {
    clock += 1;
    return { now: clock, lifetimeDays: 14 };
  };
  const person = (value) => ({ kind: 'thirdPartyId', value });
  const device = (of, n) => ({ kind: 'tntId', value: `${of}-device-${n}` });
  const visit = (who, id) =>
    store.profiles.visit(
      'demo',
      { ids: [person(who), id], freshTntId: id, settings: new Map([['seen', '1']]) },
      moment(),
    );
  const link = async (who, count) => {
    for (let from = 0; from < count; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, at) => device(who, from + at));
      await Promise.all(some.map((id) => visit(who, id)));
    }
  };
  const tidy = async () => {
    for (let look = 0; look < 3; look += 1) while (await store.chores.steps.upkeep());
  };
  /**
   * Processor time of one of so many sequential operations, in milliseconds; the median, because
   * garbage collection may hit any of them.
   */
  const cost = async (count, work) => {
    const times = [];
    for (let n = 0; n < count; n += 1) {
      const before = process.cpuUsage();
      await work(n);
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1000);
    }
    return times.sort((one, other) => one - other)[Math.floor(count / 2)];
  };
  await link('few', 10);
  await link('many', ids);
  for (let n = 0; n < 2 * DEVICES; n += 1) await visit(`own-${n}`, device('moving', n));
  await tidy();
  const costs = {};
  for (const who of ['few', 'many', 'few', 'many']) {
    const values = [
      await cost(DEVICES, () => store.profiles.find('demo', device(who, 3), clock)),
      await cost(DEVICES, () =>
        store.profiles.update('demo', device(who, 3), new Map([['seen', String(clock)]]), moment(), false),
      ),
      // The device leaves `who` for another person and comes back, so it moves twice.
      await cost(DEVICES, async (n) => {
        await visit(n % 2 === 0 ? 'third' : who, device(who, 5));
      }),
    ];
    costs[who] = costs[who]?.map((value, at) => Math.min(value, values[at])) ?? values;
  }
  const [fetchTimes, updateTimes] = costs.many.map((value, at) => rounded(value / costs.few[at]));
  const moveMs = rounded(costs.many[2]);
  const removalMs = await cost(1, () => store.profiles.remove('demo', person('many'), clock));
  let stillKnown = 0;
  for (let n = 0; n < ids; n += 97) {
    if (n !== 5 && store.profiles.find('demo', device('many', n), clock) !== undefined) stillKnown += 1;
  }
  while ((await store.profiles.sweep(clock, 200)).more);
  await tidy();
  const left = store.profiles.find('demo', device('many', 7), clock) === undefined ? 0 : 1;
  await store.close();
  return { ids, fetchTimes, updateTimes, moveMs, removalMs: rounded(removalMs), stillKnown, left };
}

function rounded(value) {
  return Number(value.toFixed(2));
}

if (process.argv[1] === SELF) {
  const [, , folder, ids] = process.argv;
  process.stdout.write(JSON.stringify(await measure(folder, Number(ids))));
}
