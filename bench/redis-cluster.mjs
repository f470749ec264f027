/**
 * A Redis Cluster for the benchmarks: three masters and three replicas on loopback, with
 * append-only files, in the folder of the run.
 */

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { folder, freePort, start, until } from './processes.mjs';

const NODES = 6;

/**
 * Starts the cluster; `seeds` is for `--store` and ioredis, and `fill` sends commands like
 * `redis-cli --pipe`.
 */
export async function startRedisCluster(name = 'cluster') {
  const ports = [];
  while (ports.length < 2 * NODES) {
    const port = await freePort();
    if (!ports.includes(port)) ports.push(port);
  }
  const children = ports.slice(0, NODES).map((port, at) => {
    const home = join(folder, `${name}-${port}`);
    mkdirSync(home, { recursive: true });
    const settings = {
      port,
      bind: '127.0.0.1',
      dir: home,
      save: '',
      'cluster-enabled': 'yes',
      'cluster-port': ports[NODES + at],
      'cluster-config-file': 'nodes.conf',
      'cluster-node-timeout': 15_000,
      appendonly: 'yes',
      appendfsync: 'everysec',
      'auto-aof-rewrite-percentage': 0,
      'maxmemory-policy': 'noeviction',
      'repl-diskless-sync-delay': 0,
    };
    return start(
      'redis-server',
      Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]),
    );
  });
  const nodes = ports.slice(0, NODES);
  const ask = (port, ...words) =>
    spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).stdout;
  for (const port of nodes) await until(() => ask(port, 'ping') === 'PONG\n', 'a node of the cluster', 60);
  const addresses = nodes.map((port) => `127.0.0.1:${port}`);
  const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
  const made = spawnSync('redis-cli', create, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`redis-cli --cluster create: ${made.stdout}${made.stderr}`);
  await until(
    () =>
      nodes.every(
        (port) =>
          ask(port, 'cluster', 'info').includes('cluster_state:ok') &&
          /role:master[\s\S]*connected_slaves:1|master_link_status:up/.test(ask(port, 'info', 'replication')),
      ),
    'the cluster to be whole',
    60,
  );
  const masters = nodes
    .filter((port) => ask(port, 'info', 'replication').includes('role:master'))
    .map((port) => {
      // 127.0.0.1:7001@… myself,master - 0 0 1 connected 0-5460
      const line = ask(port, 'cluster', 'nodes')
        .split('\n')
        .find((one) => one.includes('myself'));
      const [first, last] = line.split(' ').at(-1).split('-').map(Number);
      return { port, first, last };
    });
  return {
    children,
    seeds: addresses.join(','),
    masters,
    ask,
    pids: () => children.map(({ pid }) => pid),
  };
}

/**
 * Sends each master its part of the commands with `redis-cli --pipe`, all at the same time; returns
 * the seconds.
 */
export async function pipeInto({ masters }, commandsOfMaster) {
  const started = performance.now();
  await Promise.all(
    masters.map(async (master) => {
      const loader = spawn('redis-cli', ['-p', String(master.port), '--pipe'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let told = '';
      loader.stdout.on('data', (text) => {
        told += text;
      });
      const ended = new Promise((resolve) => loader.once('exit', resolve));
      for (const piece of commandsOfMaster(master)) {
        if (!loader.stdin.write(piece)) await new Promise((resolve) => loader.stdin.once('drain', resolve));
      }
      loader.stdin.end();
      await ended;
      if (!/errors: 0,/.test(told)) throw new Error(`redis-cli --pipe: ${told}`);
    }),
  );
  return (performance.now() - started) / 1000;
}
