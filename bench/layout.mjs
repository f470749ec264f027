/**
 * Measures what the embedded store writes and uses, without HTTP: bytes per row of a batch as the
 * store grows, bytes and processor time of updates and visits by the size of the profile, and the
 * file size after steady updates. All ids are random, like tntIds.
 *
 *   bun bench/layout.mjs [--rows 200000] [--rounds 3] [--updates 400000]
 *
 * One process writes and does the upkeep. Bytes are those passed to the system. Processor time is
 * given because elapsed time depends on other work of the machine.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '3' },
    updates: { type: 'string', default: '400000' },
  },
});
const [root, ending] = process.versions.bun ? ['src', 'ts'] : ['dist', 'js'];
const { openLmdbStores } = await import(`../packages/server/${root}/storage/lmdb/open-lmdb-stores.${ending}`);
const AT_ONCE = 64;
const folder = mkdtempSync(join(tmpdir(), 'quiver-layout-'));
const moment = () => ({ now: Date.now(), lifetimeDays: 14 });
const ten = new Map(Array.from({ length: 10 }, (_, n) => [`attribute${n}`, `value ${n} of it`]));
const randomId = () => ({ kind: 'tntId', value: randomBytes(16).toString('hex') });
const say = (text) => process.stdout.write(`${text}\n`);

const store = await openLmdbStores({ path: folder });
try {
  const ids = [];
  say(`${'rows before'.padEnd(34)}${'bytes each'.padStart(12)}${'µs each'.padStart(10)}`);
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    const before = ids.length;
    for (let n = 0; n < Number(flags.rows); n += 1) ids.push(randomId());
    const part = ids.slice(before);
    tell(String(before), await cost(part.length, 2000, (n) => update(part[n], ten, true)));
  }
  tell('update of one attribute', await cost(100_000, AT_ONCE, () => update(anyOf(ids), one())));
  for (const kib of [1, 16, 60]) {
    const large = Array.from({ length: 50 }, randomId);
    const filling = new Map(Array.from({ length: kib * 2 }, (_, n) => [`filling${n}`, 'x'.repeat(480)]));
    for (const id of large) await update(id, filling, true);
    tell(
      `update of one attribute, ${kib} KiB`,
      await cost(20_000, AT_ONCE, () => update(anyOf(large), one())),
    );
    tell(`visit that changes nothing, ${kib} KiB`, await cost(20_000, AT_ONCE, () => visit(anyOf(large))));
  }
  const fresh = statSync(join(folder, 'data.mdb')).size;
  await cost(Number(flags.updates), AT_ONCE, () => update(anyOf(ids), one()));
  const after = statSync(join(folder, 'data.mdb')).size;
  say(
    `file after ${flags.updates} updates: ${(after / fresh).toFixed(2)} of the ${(fresh / 1e6).toFixed(0)} MB before`,
  );
} finally {
  await store.close();
  rmSync(folder, { recursive: true });
}
process.exit(0);

function update(id, settings, create = false) {
  return store.profiles.update('demo', id, settings, moment(), create);
}

function visit(id) {
  return store.profiles.visit('demo', { ids: [id], freshTntId: id, settings: new Map() }, moment());
}

function one() {
  return new Map([['attribute3', `value ${Math.floor(Math.random() * 1e6)}`]]);
}

function anyOf(list) {
  return list[Math.floor(Math.random() * list.length)];
}

/**
 * Runs operations in groups, with the upkeep that they cause; returns bytes and processor time of
 * each.
 */
async function cost(count, atOnce, work) {
  const before = { bytes: bytesWritten(), time: process.cpuUsage() };
  for (let n = 0; n < count; n += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, count - n) }, (_, at) => work(n + at)));
    if (n % (32 * atOnce) === 0) while (await store.chores.steps.upkeep());
  }
  while (await store.chores.steps.upkeep());
  const { user, system } = process.cpuUsage(before.time);
  return { bytes: (bytesWritten() - before.bytes) / count, micros: (user + system) / count };
}

function bytesWritten() {
  return Number(/^wchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
}

function tell(what, { bytes, micros }) {
  say(`${what.padEnd(34)}${bytes.toFixed(0).padStart(12)}${micros.toFixed(1).padStart(10)}`);
}
