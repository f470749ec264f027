/** Rows of the Redis Cluster engine, of several workers, and of a mixed load. */

import { join } from 'node:path';
import { SERVER } from '../scripts/setup.mjs';
import { compareLess, compareRates } from './compare.mjs';
import * as contenders from './contenders.mjs';
import { turnAbout } from './load.mjs';
import { folder, processorTime, say, stop } from './processes.mjs';
import { redisCommandsByNode } from './profiles.mjs';
import { pipeInto, startRedisCluster } from './redis-cluster.mjs';

const { ask } = contenders;

/**
 * Quiver on a Redis Cluster: its batches against `redis-cli --pipe` into the same cluster, single
 * requests against Fastify with the same script, a mixed load, and several workers.
 */
export async function clusterRow({ options, has }) {
  if (!has['redis-server']) return [];
  const cluster = await startRedisCluster();
  const over = { cluster, options, count: options.clusterRows };
  over.quiver = await startOnCluster(cluster);
  const rows = [
    ...(await bulkOnCluster(over)),
    ...(await requestsOnCluster(over)),
    onCluster(mixedRow({ quiver: over.quiver, options, profiles: over.count })[0]),
  ];
  await stop(over.quiver.child);
  const startWith = (workers) => startOnCluster(cluster, '--workers', String(workers));
  rows.push(
    ...(await severalWorkers(startWith, over.count, options, ['fetch', 'update', 'visit'])).map(onCluster),
  );
  for (const child of cluster.children) await stop(child);
  return rows;
}

/** The processor time of the nodes counts as that of both contenders. */
async function startOnCluster(cluster, ...flags) {
  const store = ['--store', `redis://${cluster.seeds}`];
  const quiver = await contenders.startQuiver('bun', join(folder, 'on-cluster'), ...store, ...flags);
  return { ...quiver, server: quiver.pids, pids: () => [...quiver.pids(), ...cluster.pids()] };
}

function onCluster(row) {
  return { ...row, what: `Redis Cluster: ${row.what}` };
}

/** The first round creates the rows, the second updates them. */
async function bulkOnCluster({ cluster, quiver, count }) {
  const { keySlot } = await import(join(SERVER, 'dist/storage/redis/key-slot.js'));
  say(`  ${count} rows into the cluster`);
  const timed = async (name, work) => {
    const before = processorTime(quiver.pids());
    const seconds = await work();
    const micros = ((processorTime(quiver.pids()) - before) / count) * 1e6;
    say(`  ${name}: ${seconds.toFixed(1)} s, ${micros.toFixed(0)} µs of processor time a row`);
    return seconds;
  };
  const rows = [];
  for (const what of ['created', 'updated']) {
    const ours = await timed('Quiver', async () => {
      const started = performance.now();
      await contenders.fillQuiver(quiver.url, count);
      return (performance.now() - started) / 1000;
    });
    const parts = redisCommandsByNode(count, (key) => {
      const slot = keySlot(key);
      return cluster.masters.find(({ first, last }) => slot >= first && slot <= last).port;
    });
    const theirs = await timed('redis-cli --pipe', () =>
      pipeInto(cluster, ({ port }) => parts.get(port) ?? []),
    );
    rows.push(
      compareLess(`${count} rows ${what}`, 's', 'redis-cli --pipe, without WAIT', [ours], [theirs], 4),
    );
  }
  return rows.map(onCluster);
}

/** Single requests against Fastify with the same script. */
async function requestsOnCluster({ cluster, quiver, options, count }) {
  const fastify = await contenders.startOverCluster(cluster);
  const against = 'Fastify, ioredis, same script, WAIT';
  const rows = [
    ['fetch', ask.fetch, ask.fetch],
    ['update', ask.update, ask.postUpdate],
    ['visit', ask.visit, ask.postVisit],
  ].flatMap(([what, own, other]) => {
    const both = [
      { name: 'Quiver', ...quiver, lua: own(count) },
      { name: against, ...fastify, lua: other(count) },
    ];
    const results = turnAbout(both, options);
    const micros = (name) => results.get(name).map(({ serverMicros }) => serverMicros);
    return [
      compareRates(what, results, against, 2),
      compareLess(`${what}, processor time without Redis`, 'µs', against, micros('Quiver'), micros(against)),
    ];
  });
  await stop(fastify.child);
  return rows.map(onCluster);
}

/** Two and four workers against one, each alone on the store. */
export async function workersRow(run) {
  await stop(run.quiver.child);
  const startWith = (workers) => contenders.startQuiver('bun', run.data, '--workers', String(workers));
  const rows = await severalWorkers(startWith, run.profiles, run.options, ['fetch', 'update']);
  run.quiver = await contenders.startQuiver('bun', run.data);
  return rows;
}

/** Loads one, two and four workers one after the other. */
async function severalWorkers(startWith, profiles, options, kinds) {
  const results = new Map();
  for (const workers of [1, 2, 4]) {
    const quiver = await startWith(workers);
    for (const what of kinds) {
      const name = `${what} ${workers}`;
      const lua = ask[what](profiles);
      results.set(name, turnAbout([{ name, ...quiver, lua }], options).get(name));
    }
    await stop(quiver.child);
  }
  const against = 'one worker';
  const rows = kinds.flatMap((what) =>
    [2, 4].map((workers) => {
      const both = new Map([
        ['Quiver', results.get(`${what} ${workers}`)],
        [against, results.get(`${what} 1`)],
      ]);
      return compareRates(`${what}, ${workers} workers`, both, against);
    }),
  );
  // With cores for all, two workers answer 1.8 times as much as one if a request of theirs costs at
  // most this much more.
  const micros = (name) => results.get(name).map((round) => round.micros);
  const cost = 'fetch, processor time of one with 2 workers';
  rows.push(compareLess(cost, 'µs', against, micros('fetch 2'), micros('fetch 1'), 1.11));
  return rows;
}

/** A mixed load, with and without a batch running. */
export function mixedRow({ quiver, options, profiles }) {
  const lua = ask.mixed(profiles);
  const against = 'the same without a batch';
  const meanwhile = () => contenders.keepUploading(quiver.url, profiles, options.bulkRows);
  const both = [
    { name: 'Quiver', ...quiver, lua, meanwhile },
    { name: against, ...quiver, lua },
  ];
  return [
    compareRates('90 % fetch, 8 % visit, 2 % update, a batch meanwhile', turnAbout(both, options), against),
  ];
}
