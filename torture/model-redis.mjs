/**
 * The same comparison for the store on Redis Cluster, which takes some hours because each operation
 * goes over the network.
 */

import { spawnSync } from 'node:child_process';
import { modelTorture } from './model.mjs';

const torture = modelTorture({
  name: 'model-redis',
  bar: '100 seeds × 20,000 operations on a Redis Cluster, 0 differences',
  sizes: { short: { seeds: 2, operations: 100 }, long: { seeds: 100, operations: 20_000 } },
  sabotages: { 'forgotten-removals': { seeds: 2, operations: 400 } },
  engine: 'redis',
});
const hasRedis = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;

export default {
  ...torture,
  run: (...given) => (hasRedis ? torture.run(...given) : { skipped: 'needs redis-server' }),
};
