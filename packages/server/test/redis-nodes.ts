/**
 * Starts a real Redis Cluster for a test: three masters and three replicas on loopback, append-only
 * file on, in a folder of their own.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePorts } from './free-ports.ts';
import { until } from './until.ts';

const NODES = 6;
const NODE_TIMEOUT_MS = 1500;

/** Whether this machine has the programs; without them a suite is skipped. */
export const hasRedis = ['redis-server', 'redis-cli'].every(
  (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0,
);

export interface RedisNode {
  readonly port: number;
  /** Where it speaks TLS, when the settings have a certificate. */
  readonly tlsPort: number;
  /** SIGKILL; returns when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP, and SIGCONT. */
  freeze(): void;
  wake(): void;
  /** Starts it again on its folder, after {@link kill}. */
  restart(): Promise<void>;
  /** Asks it something, whatever state the cluster is in. */
  ask(command: string, ...args: string[]): Promise<unknown>;
}

export interface RedisNodes {
  /** `127.0.0.1:7001,…`, all nodes. */
  readonly seeds: string;
  readonly nodes: readonly RedisNode[];
  /** The nodes that currently report themselves as masters. */
  masters(): Promise<RedisNode[]>;
  /** The replica of a master. */
  replicaOf(master: RedisNode): Promise<RedisNode>;
  /** Waits until all slots are covered and every master has a replica that follows it. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** @param settings further ones of `redis-server`, for instance `{ appendonly: 'no' }` */
export async function startRedisNodes(settings: Readonly<Record<string, string>> = {}): Promise<RedisNodes> {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-redis-'));
  const ports = await freePorts(3 * NODES);
  const nodes = ports.slice(0, NODES).map((port, index) => {
    const tlsPort = ports[2 * NODES + index]!;
    const own = 'tls-cert-file' in settings ? { ...settings, 'tls-port': String(tlsPort) } : settings;
    return new Node(port, ports[NODES + index]!, folder, own);
  });
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const started: RedisNodes = {
    seeds: addresses.join(','),
    nodes,
    masters: async () => {
      const roles = await Promise.all(nodes.map((node) => node.role()));
      return nodes.filter((_, index) => roles[index] === 'master');
    },
    replicaOf: async (master) => {
      const info = String(await master.ask('INFO', 'replication'));
      const port = Number(/^slave0:ip=[^,]*,port=(\d+)/m.exec(info)?.[1]);
      return nodes.find((node) => node.port === port)!;
    },
    settled: () =>
      until('the cluster is whole', async () => {
        const infos = await Promise.all(nodes.map((node) => node.state()));
        return infos.every((state) => state === 'ok');
      }),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    for (const node of nodes) node.start();
    await Promise.all(nodes.map((node) => node.answers()));
    await createCluster(addresses);
    await started.settled();
    return started;
  } catch (error) {
    await started.stop();
    throw error;
  }
}

class Node implements RedisNode {
  readonly port: number;
  readonly tlsPort: number;
  readonly #arguments: readonly string[];
  #child: ChildProcess | undefined;
  #connection: Redis | undefined;

  constructor(port: number, busPort: number, folder: string, settings: Readonly<Record<string, string>>) {
    this.port = port;
    this.tlsPort = Number(settings['tls-port']);
    const all = {
      port,
      bind: '127.0.0.1',
      'cluster-enabled': 'yes',
      'cluster-port': busPort,
      'cluster-config-file': `nodes-${port}.conf`,
      'cluster-node-timeout': NODE_TIMEOUT_MS,
      // Lets a replica that was cut off for a while still be elected.
      'cluster-replica-validity-factor': 0,
      dir: folder,
      appendonly: 'yes',
      appenddirname: `appendonly-${port}`,
      dbfilename: `dump-${port}.rdb`,
      save: '',
      'maxmemory-policy': 'noeviction',
      'repl-diskless-sync-delay': 0,
      'repl-timeout': 5,
      'enable-debug-command': 'local',
      ...settings,
    };
    this.#arguments = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
  }

  start(): void {
    this.#child = spawn('redis-server', this.#arguments, { stdio: 'ignore' });
  }

  async kill(): Promise<void> {
    this.#connection?.disconnect();
    this.#connection = undefined;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await gone;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  wake(): void {
    this.#child?.kill('SIGCONT');
  }

  async restart(): Promise<void> {
    this.start();
    await this.answers();
  }

  async ask(command: string, ...args: string[]): Promise<unknown> {
    if (!this.#connection) {
      const options = { port: this.port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null };
      this.#connection = new Redis({ ...options, enableReadyCheck: false, commandTimeout: 1000 });
      this.#connection.on('error', () => undefined);
      this.#connection.on('end', () => {
        this.#connection = undefined;
      });
      await this.#connection.connect();
    }
    return this.#connection.call(command, ...args);
  }

  answers(): Promise<void> {
    return until(`the node at port ${this.port} answers`, async () => (await this.ask('PING')) === 'PONG');
  }

  async role(): Promise<string> {
    return String(((await this.ask('ROLE').catch(() => [''])) as string[])[0]);
  }

  /** `ok`, or what is wrong. */
  async state(): Promise<string> {
    const cluster = String(await this.ask('CLUSTER', 'INFO').catch(() => ''));
    if (!cluster.includes('cluster_state:ok')) return 'not ok';
    if (!/cluster_slots_ok:16384/.test(cluster)) return 'slots not covered';
    const info = String(await this.ask('INFO', 'replication').catch(() => ''));
    if (info.includes('role:master')) return /state=online/.test(info) ? 'ok' : 'no replica';
    return /master_link_status:up/.test(info) ? 'ok' : 'no master';
  }
}

/** `redis-cli --cluster create`: the first half become masters. */
async function createCluster(addresses: readonly string[]): Promise<void> {
  const args = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
  const child = spawn('redis-cli', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  child.stdout.on('data', (text) => {
    printed += text;
  });
  child.stderr.on('data', (text) => {
    printed += text;
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`redis-cli --cluster create ended with ${code}: ${printed}`);
}
