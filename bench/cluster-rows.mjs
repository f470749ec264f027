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
 * Quiver on a Redis Cluster against Fastify with the same script, and its batches against
 * `redis-cli --pipe` into the same cluster.
 */
export async function clusterRow({ options, has }) {
  if (!has['redis-server']) return [];
  const { keySlot } = await import(join(SERVER, 'dist/storage/redis/key-slot.js'));
  const cluster = await startRedisCluster();
  const quiver = await contenders.startQuiver(
    'bun',
    join(folder, 'on-cluster'),
    '--store',
    `redis://${cluster.seeds}`,
  );
  const pids = () => [...quiver.pids(), ...cluster.pids()];
  const ofBoth = { ...quiver, pids, server: quiver.pids };
  const count = options.clusterRows;
  say(`  ${count} rows into the cluster`);
  const ours = [];
  const theirs = [];
  const timed = async (name, seconds, work) => {
    const before = processorTime(pids());
    seconds.push(await work());
    const micros = ((processorTime(pids()) - before) / count) * 1e6;
    say(`  ${name}: ${seconds.at(-1).toFixed(1)} s, ${micros.toFixed(0)} µs of processor time a row`);
  };
  // The first round creates, the second updates.
  for (const _ of ['created', 'updated']) {
    await timed('Quiver', ours, async () => {
      const started = performance.now();
      await contenders.fillQuiver(quiver.url, count);
      return (performance.now() - started) / 1000;
    });
    const parts = redisCommandsByNode(count, (key) => {
      const slot = keySlot(key);
      return cluster.masters.find(({ first, last }) => slot >= first && slot <= last).port;
    });
    await timed('redis-cli --pipe', theirs, () => pipeInto(cluster, ({ port }) => parts.get(port) ?? []));
  }
  const rows = ['created', 'updated'].map((what, at) =>
    compareLess(
      `Redis Cluster: ${count} rows ${what}`,
      's',
      'redis-cli --pipe, without WAIT',
      [ours[at]],
      [theirs[at]],
      4,
    ),
  );
  const fastify = await contenders.startOverCluster(cluster);
  const against = 'Fastify, ioredis, same script, WAIT';
  for (const [what, own, other] of [
    ['fetch', ask.fetch, ask.fetch],
    ['update', ask.update, ask.postUpdate],
    ['visit', ask.visit, ask.postVisit],
  ]) {
    const both = [
      { name: 'Quiver', ...ofBoth, lua: own(count) },
      { name: against, ...fastify, lua: other(count) },
    ];
    const results = turnAbout(both, options);
    const micros = (name) => results.get(name).map(({ serverMicros }) => serverMicros);
    const ofServer = `Redis Cluster: ${what}, processor time without Redis`;
    rows.push(
      compareRates(`Redis Cluster: ${what}`, results, against, 2),
      compareLess(ofServer, 'µs', against, micros('Quiver'), micros(against)),
    );
    for (const row of rows.slice(-2)) say(`  ${row.what}: ${row.ratio.median.toFixed(2)}`);
  }
  for (const child of [fastify.child, quiver.child, ...cluster.children]) await stop(child);
  return rows;
}

/** Two and four workers against one, each alone on the store. */
export async function workersRow(run) {
  await stop(run.quiver.child);
  const results = new Map();
  for (const workers of [1, 2, 4]) {
    const quiver = await contenders.startQuiver('bun', run.data, '--workers', String(workers));
    for (const what of ['fetch', 'update']) {
      const lua = ask[what](run.profiles);
      const name = `${what} ${workers}`;
      results.set(name, turnAbout([{ name, ...quiver, lua }], run.options).get(name));
    }
    await stop(quiver.child);
  }
  run.quiver = await contenders.startQuiver('bun', run.data);
  return ['fetch', 'update'].flatMap((what) =>
    [2, 4].map((workers) => {
      const against = 'one worker';
      const both = new Map([
        ['Quiver', results.get(`${what} ${workers}`)],
        [against, results.get(`${what} 1`)],
      ]);
      return compareRates(`${what}, ${workers} workers`, both, against);
    }),
  );
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
