/**
 * Rows of the embedded store by size: of the store, of a profile, and of the file after many
 * updates.
 */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { bunPath, SERVER } from '../scripts/setup.mjs';
import { compareLess, compareRates, withLimit } from './compare.mjs';
import * as contenders from './contenders.mjs';
import { turnAbout } from './load.mjs';
import { bytesWritten, folder, say, stop } from './processes.mjs';
import { batches, idOf } from './profiles.mjs';

const { ask } = contenders;
const ROWS_A_FILE = 200_000;

/**
 * Loads many profiles, one upload after another, and measures each upload as the store grows; then
 * compares the rates with those for ten thousand profiles.
 */
export async function largeRows({ options }) {
  const count = options.largeProfiles;
  const quiver = await contenders.startQuiver('bun', join(folder, 'large'));
  const pids = quiver.pids();
  const uploads = [];
  const began = performance.now();
  for (const body of batches(count, ROWS_A_FILE)) {
    const bytes = bytesWritten(pids);
    const started = performance.now();
    await contenders.applyBatch(quiver.url, body);
    const seconds = (performance.now() - started) / 1000;
    uploads.push({ seconds, bytes: (bytesWritten(pids) - bytes) / ROWS_A_FILE });
    if (uploads.length % 10 === 0)
      say(`  ${uploads.length * ROWS_A_FILE} rows, ${Math.round((performance.now() - began) / 1000)} s`);
  }
  const all = (performance.now() - began) / 1000;
  // Each figure covers a few consecutive uploads: the first, those from the middle on, the last.
  const some = Math.min(5, Math.floor(uploads.length / 3));
  const first = uploads.slice(0, some);
  const middle = uploads.slice(Math.floor(uploads.length / 2), Math.floor(uploads.length / 2) + some);
  const last = uploads.slice(-some);
  const rate = ({ seconds }) => ROWS_A_FILE / seconds;
  const million = (n) => `${n / 1e6} million`;
  const against = `Quiver, the first ${million(some * ROWS_A_FILE)}`;
  const rows = [
    [count / 2, middle],
    [count, last],
  ].flatMap(([at, part]) => [
    {
      ...compareLess(`rows a second into ${million(at)}`, '/s', against, part.map(rate), first.map(rate)),
      atLeast: 0.5,
    },
    withLimit(
      compareLess(
        `bytes written a row at ${million(at)}`,
        'B',
        against,
        part.map(({ bytes }) => bytes),
        first.map(({ bytes }) => bytes),
      ),
      3000,
    ),
  ]);
  rows.push(
    withLimit(
      compareLess(
        `loading ${million(count)} profiles`,
        's',
        `at the pace of the first ${million(some * ROWS_A_FILE)}`,
        [all],
        [(first.reduce((sum, { seconds }) => sum + seconds, 0) * uploads.length) / some],
      ),
      180,
    ),
  );
  const few = Math.min(10_000, count);
  const small = await contenders.startQuiver('bun', join(folder, 'large-few'));
  await contenders.fillQuiver(small.url, few);
  for (const what of ['fetch', 'update', 'visit']) {
    const both = [
      { name: 'Quiver', ...quiver, lua: ask[what](count) },
      { name: `Quiver with ${few}`, ...small, lua: ask[what](few) },
    ];
    const results = turnAbout(both, options);
    rows.push(compareRates(`${what} with ${million(count)} profiles`, results, `Quiver with ${few}`, 0.8));
  }
  await stop(small.child);
  await stop(quiver.child);
  return rows;
}

const KIB = 1024;
/** Profiles of each size; few, so that all of them are rewritten often. */
const OF_A_SIZE = 2000;

/** Updates of one attribute and visits that change nothing, by the size of the profile. */
export async function profileSizeRows({ options }) {
  const sizes = [1, 16, 60];
  const quiver = await contenders.startQuiver('bun', join(folder, 'sizes'));
  for (const [nth, kib] of sizes.entries())
    for (const body of profilesOfSize(kib, nth * OF_A_SIZE)) await contenders.applyBatch(quiver.url, body);
  const rows = [];
  for (const [what, lua, mostBytes] of [
    ['update of one attribute', ask.updateFrom, 4 * KIB],
    ['visit that changes nothing', ask.emptyVisit, KIB],
  ]) {
    const all = sizes.map((kib, nth) => ({
      name: kib === 1 ? 'Quiver, 1 KB' : `${kib} KB`,
      ...quiver,
      lua: lua(nth * OF_A_SIZE, (nth + 1) * OF_A_SIZE),
    }));
    const results = turnAbout(all, options);
    for (const kib of [16, 60]) {
      const both = new Map([
        ['Quiver', results.get(`${kib} KB`)],
        ['Quiver, 1 KB', results.get('Quiver, 1 KB')],
      ]);
      rows.push(compareRates(`${what}, profile of ${kib} KB`, both, 'Quiver, 1 KB', 0.5));
    }
    const bytes = results.get('60 KB').map((one) => one.bytes);
    const whole = bytes.map(() => 60 * KIB);
    const written = `bytes written for a${what.startsWith('u') ? 'n' : ''} ${what}, 60 KB`;
    rows.push(withLimit(compareLess(written, 'B', 'the profile itself', bytes, whole), mostBytes));
  }
  await stop(quiver.child);
  return rows;
}

/** Batch files that create profiles of so many KiB, with numbers from `from` on. */
function* profilesOfSize(kib, from) {
  const each = 480;
  const columns = Math.max(1, Math.floor((kib * KIB * 0.95) / (each + 16)));
  const names = Array.from({ length: columns }, (_, n) => `filling${n}`);
  const cells = Array.from({ length: columns }, (_, n) => String.fromCharCode(97 + (n % 26)).repeat(each));
  const perFile = 500;
  for (let first = from; first < from + OF_A_SIZE; first += perFile) {
    const lines = [`batch=pcId,${names.join()},attribute3`];
    for (let n = first; n < first + perFile; n += 1) lines.push(`${idOf(n)},${cells.join()},first`);
    yield `${lines.join('\n')}\n`;
  }
}

/** The size of the store after continuous updates, against the same store after compaction. */
export async function steadyRow(run) {
  const { options, profiles } = run;
  const data = join(folder, 'steady');
  const quiver = await contenders.startQuiver('bun', data);
  await contenders.fillQuiver(quiver.url, profiles);
  const store = join(data, 'store');
  const loaded = contenders.bytesOnDisk(store);
  const seconds = options.steadySeconds;
  const results = turnAbout([{ name: 'Quiver', ...quiver, lua: ask.update(profiles) }], {
    ...options,
    seconds,
    rounds: 1,
    warmUp: false,
  });
  const [{ rate }] = results.get('Quiver');
  const used = contenders.bytesOnDisk(store);
  await stop(quiver.child);
  execFileSync(bunPath(), [join(SERVER, 'src/main.ts'), 'compact', '--data', data], { stdio: 'ignore' });
  const live = contenders.bytesOnDisk(store);
  const updates = Math.round((rate * seconds) / 1e4) / 100;
  const row = compareLess(
    `disk after ${updates} million updates of ${profiles / 1e6} million profiles`,
    'MB',
    'the same store, compacted',
    [used / 1e6],
    [live / 1e6],
    2,
  );
  say(`  ${(loaded / 1e6).toFixed(0)} MB when it was loaded`);
  return [row];
}

/** The slowest update while batches are uploaded and applied without a pause. */
export function slowestRow({ quiver, options, profiles }) {
  const against = 'the same without a batch';
  const lua = ask.update(profiles);
  const meanwhile = () => contenders.keepUploading(quiver.url, profiles, options.bulkRows);
  const results = turnAbout(
    [
      { name: 'Quiver', ...quiver, lua, meanwhile },
      { name: against, ...quiver, lua },
    ],
    // Few connections, because this measures waiting and not throughput.
    { ...options, connections: 4, seconds: options.slowestSeconds },
  );
  const slowest = (name) => results.get(name).map((round) => round.slowest);
  const what = 'slowest update while batches are applied';
  return [withLimit(compareLess(what, 'ms', against, slowest('Quiver'), slowest(against)), 100)];
}
