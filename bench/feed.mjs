/**
 * Measures the cost of the change feed: updates, visits and rows of a batch, with and without the
 * feed.
 *
 *   node bench/feed.mjs [--rounds 5] [--profiles 100000]
 *
 * Each round opens two stores with the same contents, one with a feed, and takes turns between
 * them. It measures the processor time of the whole process, including the engine's writing
 * threads, per operation, with 64 writes at a time. HTTP is not involved, so the share of the feed
 * is larger than in a server.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildForNode, SERVER } from '../scripts/setup.mjs';

buildForNode();
const built = (path) => import(join(SERVER, 'dist', 'storage', path));
const { PlainRows } = await built('plain-rows.js');
const { openLmdbStores } = await built('lmdb/open-lmdb-stores.js');

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : Number(process.argv[at + 1]);
};
const ROUNDS = option('rounds', 5);
const PROFILES = option('profiles', 100_000);
const WRITES = 40_000;
const STEP = 4000;
const KEPT = { age: 7 * 86_400_000, bytes: 512 * 1024 ** 2 };
const id = (n) => ({
  kind: 'tntId',
  value: ((n * 2654435761) >>> 0).toString(16).padStart(8, '0').repeat(4),
});
const moment = () => ({ now: Date.now(), lifetimeDays: 14 });
const settings = (n) =>
  new Map([
    ['lastPage', `/products/${n}`],
    ['visits', String(n % 97)],
  ]);
const row = (n) =>
  new Map(Array.from({ length: 5 }, (_, k) => [`attribute${k}`, `value ${n % 1000} of ${k}`]));

const WORKS = {
  async update({ profiles }, from) {
    await sideBySide((n) =>
      profiles.update('demo', id((from + n * 7919) % PROFILES), settings(n), moment(), false),
    );
  },
  async visit({ profiles }, from) {
    await sideBySide((n) => {
      const ids = [id((from + n * 7919) % PROFILES)];
      return profiles.visit('demo', { ids, freshTntId: id(0), settings: settings(n) }, moment());
    });
  },
  async row(stores, from) {
    await applyRows(stores, WRITES, (n) => id((from + n * 7919) % PROFILES));
  },
};

async function sideBySide(write) {
  let next = 0;
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < WRITES) {
        next += 1;
        await write(next);
      }
    }),
  );
}

let batches = 0;
async function applyRows({ batches: store }, count, idOf) {
  batches += 1;
  const batch = { client: 'demo', id: `demo-1-${batches}`, version: 'v2', acceptedAt: Date.now() };
  await store.accept({ ...batch, rows: count, bytes: 1 });
  await store.lease('demo', 'bench', Date.now(), Date.now() + 3_600_000);
  for (let from = 0; from < count; from += STEP) {
    const at = moment();
    const rows = Array.from({ length: Math.min(STEP, count - from) }, (_, index) => {
      const one = idOf(from + index);
      const line = from + index + 2;
      return {
        id: one,
        rawId: one.value,
        settings: row(from + index),
        line,
        start: line,
        next: line + 1,
        nth: index + 1,
      };
    });
    await store.apply({
      ...{ client: 'demo', id: batch.id, holder: 'bench', leaseUntil: Date.now() + 3_600_000 },
      ...{ consumedBefore: from, failures: [], appliedElsewhere: 0, moment: at },
      updates: PlainRows.of(rows, at.now),
      after: { offset: from + STEP, line: from + STEP + 2, consumed: Math.min(count, from + STEP) },
      isLast: from + STEP >= count,
    });
  }
}

async function measured(work) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / WRITES, wall: (1000 * (performance.now() - started)) / WRITES };
}

const say = (line) => process.stdout.write(`${line}\n`);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const folders = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), 'quiver-bench-feed-'))));
const places = await Promise.all(
  folders.map((path, index) => openLmdbStores({ path, dataDir: path, changes: index === 1 ? KEPT : 'off' })),
);
for (const stores of places) await applyRows(stores, PROFILES, (n) => id(n));
const results = Object.fromEntries(Object.keys(WORKS).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, work] of Object.entries(WORKS)) {
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    const pair = [];
    for (const index of order) {
      pair[index] = await measured(() => work(places[index], round * 1013));
      while (await places[index].chores.steps.upkeep());
      await places[index].changes.upkeep(Date.now());
    }
    results[name].push({ off: pair[0], on: pair[1] });
  }
}
const before = (await places[1].changes.figures()).bytes;
say(`${ROUNDS} rounds of ${WRITES}, ${PROFILES} profiles, ${process.version}, µs of processor time each`);
for (const [name, rounds] of Object.entries(results)) {
  const off = median(rounds.map((one) => one.off.cpu));
  const on = median(rounds.map((one) => one.on.cpu));
  const cpu = median(rounds.map((one) => one.on.cpu / one.off.cpu));
  const wall = median(rounds.map((one) => one.on.wall / one.off.wall));
  say(
    `${name.padEnd(7)} off ${off.toFixed(1).padStart(6)}  on ${on.toFixed(1).padStart(6)}  ratio ${cpu.toFixed(2)} of processor time, ${wall.toFixed(2)} of time`,
  );
}
const changes = Object.keys(WORKS).length * ROUNDS * WRITES + PROFILES;
say(`bytes a change ${(before / changes).toFixed(0)}, ${changes} changes`);
for (const stores of places) await stores.close();
for (const folder of folders) await rm(folder, { recursive: true });
