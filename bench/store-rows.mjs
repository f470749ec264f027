/** Rows of operations on a store as a whole: its changes, lists, an export and an import. */

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { compareLess, compareRates, withLimit } from './compare.mjs';
import * as contenders from './contenders.mjs';
import { turnAbout } from './load.mjs';
import { folder, ownMemory, stop } from './processes.mjs';
import { batches, idOf } from './profiles.mjs';
import { exportFromRedis } from './redis-export.mjs';

const { ask } = contenders;
/** The most profiles in the two stores with and without a feed. */
const WITH_FEED = 200_000;
const PAGES = 300;

/** Updates, visits and rows of a batch with the change feed, against a server without it. */
export async function feedRows({ options, profiles }) {
  const count = Math.min(profiles, WITH_FEED);
  const against = 'Quiver with --changes off';
  const on = await contenders.startQuiver('bun', join(folder, 'feed-on'));
  const off = await contenders.startQuiver('bun', join(folder, 'feed-off'), '--changes', 'off');
  for (const { url } of [on, off]) await contenders.fillQuiver(url, count);
  const rows = ['update', 'visit'].map((what) => {
    const both = [
      { name: 'Quiver', ...on, lua: ask[what](count) },
      { name: against, ...off, lua: ask[what](count) },
    ];
    return compareRates(`${what} with the change feed`, turnAbout(both, options), against, 0.85);
  });
  await pause();
  const [body] = batches(count);
  const seconds = { on: [], off: [] };
  for (let round = 0; round < options.rounds; round += 1)
    for (const [name, { url }] of Object.entries({ on, off })) {
      const started = performance.now();
      await contenders.applyBatch(url, body);
      seconds[name].push((performance.now() - started) / 1000);
    }
  rows.push(
    compareLess(
      `bulk, ${count} rows updated, with the change feed`,
      's',
      against,
      seconds.on,
      seconds.off,
      1.3,
    ),
  );
  for (const { child } of [on, off]) await stop(child);
  return rows;
}

/** A page of a list, against a page of an indexed table in PostgreSQL. */
export async function listRows({ quiver, data, postgres, profiles }) {
  if (!postgres) return [];
  const headers = { authorization: bearer(data) };
  const starts = Array.from({ length: PAGES }, (_, n) =>
    idOf(Math.floor((n * profiles) / PAGES)).slice(0, 4),
  );
  const ours = async (query) => {
    const answer = await fetch(`${quiver.url}/demo/target/profiles?limit=100&${query}`, { headers });
    if (answer.status !== 200) throw new Error(await answer.text());
    return answer.text();
  };
  const theirs = (pages) => {
    const commands = pages.map((page) => `${page};`).join('\n');
    const { stdout } = spawnSync('psql', [...postgres.psql, '-o', '/dev/null'], {
      input: `\\timing on\n${commands}\n`,
      encoding: 'utf8',
    });
    return [...stdout.matchAll(/^Time: ([\d.]+) ms/gm)].map(([, ms]) => Number(ms));
  };
  postgres.sql('create index modified on profile (modified)');
  postgres.sql('analyze profile');
  await pause();
  const rows = [];
  for (const [what, query, table] of [
    [
      'what was written last',
      () => 'show=attributes',
      () => 'select id, attributes from profile order by modified desc limit 100',
    ],
    [
      'ids that begin with four digits',
      (start) => `show=attributes&prefix=${start}&kind=tntId`,
      (start) => `select id, attributes from profile where id >= '${start}' order by id limit 100`,
    ],
  ]) {
    const times = [];
    for (const start of starts) {
      const began = performance.now();
      await ours(query(start));
      times.push(performance.now() - began);
    }
    const page = `a page of 100 profiles: ${what}`;
    rows.push(withLimit(compareLess(page, 'ms', 'PostgreSQL', times, theirs(starts.map(table))), 5));
  }
  return rows;
}

/**
 * An export of all profiles and an import into an empty store, against the means of PostgreSQL and
 * Redis.
 */
export async function exportRows({ quiver, data, postgres, redis, profiles, has }) {
  if (!has.curl) return [];
  const file = join(folder, 'export.ndjson');
  const memory = watchMemory(quiver.pids());
  const ours = await timed(() => curl(data, '-o', file, `${quiver.url}/demo/target/profiles/export`));
  const mostMemory = memory.end();
  const bytes = statSync(file).size;
  if (bytes < profiles * 100) throw new Error(`the export is too small: ${bytes} bytes`);
  const empty = await contenders.startQuiver('bun', join(folder, 'imported'));
  const imported = await timed(() =>
    curl(join(folder, 'imported'), '-T', file, '-X', 'POST', `${empty.url}/demo/target/profiles/import`),
  );
  await stop(empty.child);
  const rows = [];
  const exported = `export of ${profiles} profiles`;
  if (postgres) {
    const dump = join(folder, 'profile.sql');
    const connection = postgres.psql.slice(0, 8);
    const theirs = await timed(() => run('pg_dump', [...connection, '-t', 'profile', '-f', dump]));
    rows.push(compareLess(exported, 's', 'pg_dump', [ours], [theirs]));
    postgres.sql('alter table profile rename to dumped');
    postgres.sql('alter index profile_pkey rename to dumped_pkey');
    postgres.sql('drop index if exists modified');
    const back = await timed(() => run('psql', [...postgres.psql, '-o', '/dev/null', '-f', dump]));
    rows.push(
      compareLess(`import of ${profiles} profiles`, 's', 'psql, of what pg_dump wrote', [imported], [back]),
    );
  }
  if (redis) {
    const theirs = await timed(() => exportFromRedis(redis.port, join(folder, 'redis.ndjson')));
    rows.push(compareLess(exported, 's', 'Redis, SCAN and HGETALL', [ours], [theirs]));
  }
  rows.push(
    withLimit(
      compareLess(
        `memory that an export of ${profiles} profiles adds`,
        'MB',
        'the server before it',
        [(mostMemory.most - mostMemory.before) / 1e6],
        [mostMemory.before / 1e6],
      ),
      100,
    ),
  );
  return rows;
}

/** The value of the Authorization header of an administrator. */
function bearer(data) {
  return `Bearer ${readFileSync(join(data, 'admin-token'), 'utf8').trim()}`;
}

function curl(data, ...args) {
  return run('curl', ['-sSf', '-H', `authorization: ${bearer(data)}`, ...args]);
}

/** During wrk, this process cannot notice closed connections; afterwards it can. */
function pause() {
  return setTimeout(100);
}

async function timed(work) {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`)),
    );
  });
}

/** Samples the memory of processes ten times per second. */
function watchMemory(pids) {
  const before = ownMemory(pids);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, ownMemory(pids));
  }, 100);
  return {
    end() {
      clearInterval(timer);
      return { before, most };
    },
  };
}
