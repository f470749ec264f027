/** The same comparison for the store on Redis Cluster: fewer operations, for each asks a cluster over the network and not a file in memory. */

import { spawnSync } from 'node:child_process';
import { modelTorture } from './model.mjs';

const torture = modelTorture({
  name: 'model-redis',
  bar: '50 seeds × 2,000 operations on a Redis Cluster, 0 differences',
  sizes: { short: { seeds: 2, operations: 100 }, long: { seeds: 50, operations: 2000 } },
  sabotages: { 'forgotten-removals': { seeds: 2, operations: 400 } },
  engine: 'redis',
});
const hasRedis = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;

export default {
  ...torture,
  run: (...given) => (hasRedis ? torture.run(...given) : { skipped: 'needs redis-server' }),
};
