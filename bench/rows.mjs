/**
 * Rows of the table: what is measured, against what, and the target. Each function returns a list
 * of comparisons.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../scripts/setup.mjs';
import { compareLess, compareRates } from './compare.mjs';
import * as contenders from './contenders.mjs';
import { turnAbout } from './load.mjs';
import { folder, ownMemory, say, stop } from './processes.mjs';
import { idOf } from './profiles.mjs';
import { SAME_WORK } from './same-work.mjs';

const { ask } = contenders;

/** Fetches on Bun, against constant replies and against alternatives. */
export async function fetchRow(run) {
  const { quiver, redis, options, profiles } = run;
  const bytes = (await (await fetch(`${quiver.url}/rest/v1/profiles/${idOf(0)}`)).arrayBuffer()).byteLength;
  run.replyBytes = bytes;
  const bare = await contenders.startBare('bun', bytes);
  const sockets = await contenders.startBareSockets(bytes, profiles);
  const others = [
    { name: 'bare Bun', target: 0.75, ...bare, lua: ask.fetch(profiles) },
    { name: ALONE, ...sockets, lua: ask.fetch(profiles) },
  ];
  if (run.has.nginx) {
    others.push({
      name: 'nginx, constant',
      ...(await contenders.startNginx(bytes)),
      lua: ask.fetch(profiles),
    });
  }
  if (redis) {
    if (run.has.webdis) {
      const webdis = await contenders.startWebdis(redis);
      others.push({ name: 'Webdis over Redis', target: 1.5, ...webdis, lua: ask.hash(profiles) });
    }
    const fastify = await contenders.startOverRedis('fastify', redis);
    others.push({ name: 'Fastify over Redis', ...fastify, lua: ask.fetch(profiles) });
    const express = await contenders.startOverRedis('express', redis);
    others.push({ name: 'Express over Redis', target: 7, ...express, lua: ask.fetch(profiles) });
  }
  const results = turnAbout([{ name: 'Quiver', ...quiver, lua: ask.fetch(profiles) }, ...others], options);
  const comparisons = others.map(({ name, target }) => compareRates('fetch, Bun', results, name, target));
  comparisons.push(...withHeaders('fetch, Bun', run, quiver, 'bare Bun', bare));
  for (const { child } of others) await stop(child);
  return comparisons;
}

/**
 * Fetches with ten headers, which stay the same on a connection or not, against a constant reply to
 * the same requests.
 */
function withHeaders(what, { options, profiles }, quiver, against, bare) {
  return [
    ['the same ten headers every time', false],
    ['ten headers, one of them new every time', true],
  ].map(([which, fresh]) => {
    const lua = ask.fetchWithHeaders(profiles, fresh);
    const measured = [
      { name: 'Quiver', ...quiver, lua },
      { name: against, ...bare, lua },
    ];
    return compareRates(`${what}, ${which}`, turnAbout(measured, options), against);
  });
}

/** Fetches on Node, against bare node:http. */
export async function nodeRow(run) {
  await stop(run.quiver.child);
  const quiver = await contenders.startQuiver('node', run.data);
  const bare = await contenders.startBare('node', run.replyBytes ?? 970);
  const lua = ask.fetch(run.profiles);
  const results = turnAbout(
    [
      { name: 'Quiver', ...quiver, lua },
      { name: 'bare node:http', ...bare, lua },
    ],
    run.options,
  );
  const comparisons = [
    compareRates('fetch, Node', results, 'bare node:http', 0.7),
    ...withHeaders('fetch, Node', run, quiver, 'bare node:http', bare),
  ];
  await stop(bare.child);
  await stop(quiver.child);
  run.quiver = await contenders.startQuiver('bun', run.data);
  return comparisons;
}

/** What `bare-sockets.mjs` is called in the rows. */
const ALONE = 'the sockets and the engine alone';
/** How often a long run of updates is measured. */
const LONG_ROUNDS = 2;

/** Single updates and visits; every acknowledged write is on disk. */
export async function writeRows(run) {
  const { quiver, redisAlways, postgres, options, profiles } = run;
  const webdis = redisAlways && run.has.webdis ? await contenders.startWebdis(redisAlways) : undefined;
  const fastify = postgres && (await contenders.startOverPostgres(postgres));
  const bytes = (await (await fetch(`${quiver.url}/rest/v1/profiles/${idOf(0)}`)).arrayBuffer()).byteLength;
  const sockets = await contenders.startBareSockets(bytes, 0);
  const rows = [];
  const blind = 'Webdis over Redis, appendfsync always, blind HSET';
  for (const [what, target, own, inHash, inRow] of [
    ['update, durable', 1.5, ask.update, ask.setInHash, ask.upsert],
    ['visit, half of them new', 1, ask.visit, ask.visitHash, ask.visitRow],
  ]) {
    const all = [{ name: 'Quiver', ...quiver, lua: own(profiles) }];
    if (webdis) all.push({ name: blind, ...webdis, lua: inHash(profiles) });
    if (what.startsWith('update')) all.push({ name: ALONE, ...sockets, lua: own(profiles) });
    if (fastify) all.push({ name: 'Fastify over PostgreSQL', target, ...fastify, lua: inRow(profiles) });
    const results = turnAbout(all, options);
    rows.push(...all.slice(1).map((one) => compareRates(what, results, one.name, one.target)));
  }
  if (webdis) {
    const both = [
      { name: 'Quiver', ...quiver, lua: ask.update(profiles) },
      { name: blind, ...webdis, lua: ask.setInHash(profiles) },
    ];
    const results = turnAbout(both, { ...options, seconds: options.longSeconds, rounds: LONG_ROUNDS });
    rows.push(compareRates(`update, ${options.longSeconds} s without a pause`, results, blind));
  }
  if (webdis) rows.push(...sameWork(run, webdis));
  for (const one of [webdis, fastify, sockets]) if (one) await stop(one.child);
  return rows;
}

/**
 * Against Webdis with a script that does the same work as Quiver, at two numbers of connections.
 */
function sameWork({ quiver, redisAlways, options, profiles }, webdis) {
  const sha = redisAlways.ask('script', 'load', SAME_WORK).trim();
  const against = 'Webdis, same work, appendfsync always';
  return [64, 256].flatMap((connections) =>
    [
      ['update', ask.update, ask.setByScript],
      ['visit', ask.visit, ask.visitByScript],
    ].map(([what, own, other]) => {
      const both = [
        { name: 'Quiver', ...quiver, lua: own(profiles) },
        { name: against, ...webdis, lua: other(profiles, sha) },
      ];
      const results = turnAbout(both, { ...options, connections });
      return compareRates(`${what}, same work, ${connections} connections`, results, against, 1.3);
    }),
  );
}

/**
 * Visits that record session and categories, against visits of a client that sends no categories.
 */
export async function visitorRow({ quiver, options, profiles }) {
  // Once something was recorded of a visitor, each visit updates the time of the session, so the
  // two use different visitors.
  const half = Math.floor(profiles / 2);
  const against = 'Quiver, where nothing is noted';
  const results = turnAbout(
    [
      { name: 'Quiver', ...quiver, lua: ask.visitWith(0, half, 'user.categoryId') },
      { name: against, ...quiver, lua: ask.visitWith(half, profiles, 'page.categoryId') },
    ],
    options,
  );
  return [compareRates('visit that notes session and categories', results, against, 0.8)];
}

/** Full batches: repeats bench/bulk.mjs. */
export function bulkRow({ options }) {
  const seconds = { Quiver: [], PostgreSQL: [], Redis: [], Engine: [] };
  const wanted = { PostgreSQL: 0.35, Redis: 1.2 };
  for (let round = 0; round < options.bulkRounds; round += 1) {
    const args = [join(ROOT, 'bench/bulk.mjs'), '--rows', String(options.bulkRows)];
    const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`bench/bulk.mjs: ${stdout}`);
    for (const name in seconds) {
      const match = new RegExp(`^${name} +([\\d.]+) +([\\d.]+)`, 'm').exec(stdout);
      if (match) seconds[name].push(match.slice(1).map(Number));
    }
  }
  return ['PostgreSQL', 'Redis', 'Engine'].flatMap((against) =>
    ['created', 'updated'].flatMap((what, at) =>
      seconds[against].length === 0
        ? []
        : compareLess(
            `bulk, ${options.bulkRows} rows ${what}`,
            's',
            against === 'Engine' ? 'the embedded engine alone' : against,
            seconds.Quiver.map((one) => one[at]),
            seconds[against].map((one) => one[at]),
            wanted[against],
          ),
    ),
  );
}

/** From the start of the process until it answers, with all profiles present. */
export async function startRow(run) {
  const ours = [];
  const theirs = [];
  if (!run.redis) return [];
  for (let round = 0; round < run.options.rounds; round += 1) {
    await stop(run.quiver.child);
    run.quiver = await contenders.startQuiver('bun', run.data);
    ours.push(run.quiver.seconds);
    await stop(run.redis.child);
    run.redis = await contenders.startRedis(join(folder, 'redis'), 'everysec');
    theirs.push(run.redis.seconds);
  }
  return [compareLess('start to ready', 's', 'Redis, from its AOF', ours, theirs, 0.1)];
}

/** Bytes per profile, on disk and resident, with the same profiles. */
export async function spaceRow(run) {
  const { profiles, redis, postgres } = run;
  const each = (bytes) => [bytes / profiles];
  const ourDisk = each(contenders.bytesOnDisk(join(run.data, 'store')));
  const ourMemory = each(ownMemory(run.quiver.pids()));
  const rows = [];
  if (postgres) {
    const disk = each(Number(postgres.sql("select pg_total_relation_size('profile')")));
    rows.push(compareLess('bytes a profile on disk', 'B', 'PostgreSQL, jsonb', ourDisk, disk, 1));
    const memory = each(ownMemory(postgres.pids()));
    rows.push(compareLess('bytes a profile resident', 'B', 'PostgreSQL, jsonb', ourMemory, memory, 1));
  }
  if (redis) {
    const disk = each(contenders.bytesOnDisk(join(folder, 'redis')));
    rows.push(compareLess('bytes a profile on disk', 'B', 'Redis, hashes', ourDisk, disk, 1));
    const memory = each(ownMemory(redis.pids()));
    rows.push(compareLess('bytes a profile resident', 'B', 'Redis, hashes', ourMemory, memory, 1));
  }
  return rows;
}

/** Quiver with few profiles and with many. */
export async function growthRow(run) {
  const few = Math.min(10_000, run.profiles);
  const data = join(folder, 'few');
  let small = await contenders.startQuiver('bun', data);
  await contenders.fillQuiver(small.url, few);
  // So that memory left over from the uploads does not count.
  await stop(run.quiver.child);
  run.quiver = await contenders.startQuiver('bun', run.data);
  await stop(small.child);
  small = await contenders.startQuiver('bun', data);
  const rows = [];
  for (const [what, lua] of [
    ['fetch', ask.fetch],
    ['update', ask.update],
  ]) {
    const results = turnAbout(
      [
        { name: 'Quiver', ...run.quiver, lua: lua(run.profiles) },
        { name: `Quiver with ${few}`, ...small, lua: lua(few) },
      ],
      run.options,
    );
    rows.push(compareRates(`${what} with ${run.profiles} profiles`, results, `Quiver with ${few}`, 0.8));
  }
  const memory = (one) => [ownMemory(one.pids()) / 1e6];
  rows.push(
    compareLess(
      `resident with ${run.profiles} profiles`,
      'MB',
      `Quiver with ${few}`,
      memory(run.quiver),
      memory(small),
      1.25,
    ),
  );
  await stop(small.child);
  return rows;
}

/** Starts and fills what the rows need. */
export async function prepare(run) {
  const { profiles, wanted } = run;
  const needs = (...rows) => rows.some((row) => wanted.has(row));
  run.data = join(folder, 'quiver');
  run.quiver = await contenders.startQuiver('bun', run.data);
  say(`filling Quiver with ${profiles} profiles`);
  await contenders.fillQuiver(run.quiver.url, profiles);
  if (run.has['redis-server'] && needs('fetch', 'start', 'space', 'export')) {
    run.redis = await contenders.startRedis(join(folder, 'redis'), 'everysec');
    say('filling Redis');
    await contenders.fillRedis(run.redis, profiles);
  }
  if (!needs('writes', 'space', 'list', 'export')) return;
  if (run.has.postgres && run.has.initdb) {
    run.postgres = await contenders.startPostgres();
    say('filling PostgreSQL');
    await contenders.fillPostgres(run.postgres, profiles);
  }
}

/** A second Redis that writes to disk before every reply, only for the writes. */
export async function prepareWrites(run) {
  if (!run.has['redis-server']) return;
  run.redisAlways = await contenders.startRedis(join(folder, 'redis-always'), 'always');
  run.redisAlways.ask('config', 'set', 'appendfsync', 'no');
  await contenders.fillRedis(run.redisAlways, run.profiles);
  run.redisAlways.ask('config', 'set', 'appendfsync', 'always');
}
