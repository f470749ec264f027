/**
 * Redis nodes that could lose data, refuse a command, or die: they must be noticed at the start and
 * while serving, and never waited for too long.
 */

import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { bunPath } from '../scripts/setup.mjs';
import { sabotageEnv } from './quiver-process.mjs';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'redis-nodes-run.ts');
const hasRedis = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;

export default {
  name: 'redis-nodes',
  bar: 'every spoiled node is named, masters and replicas, at the start and after a failover; removals work at maxmemory; nothing takes over 3 s',
  // Times are judged only in the long form, because a test shares the machine with other work.
  sizes: { short: { rounds: 1, mostMs: 20_000 }, long: { rounds: 12, mostMs: 3000 } },
  sabotages: { 'masters-alone': { rounds: 1, mostMs: 20_000 } },

  async run({ rounds, mostMs }, { sabotage }) {
    if (!hasRedis || !bunPath()) return { skipped: 'needs redis-server and Bun' };
    const child = spawn(bunPath(), [SCRIPT, String(rounds), String(mostMs)], {
      env: { ...process.env, ...sabotageEnv(sabotage) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const printed = await text(child.stdout);
    const { seen, problems } = JSON.parse(printed.trim().split('\n').at(-1));
    return { seen, problems, isMet: problems.length === 0 && seen.noticed === seen['spoiled nodes'] };
  },
};
