/** Starts edge clusters for a test, each a server with peers, on loopback. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.ts';
import { type Quiver, type RuntimeName, startQuiver } from './start-quiver.ts';

export const EDGE_SECRET = 'a secret of at least thirty-two characters';
export const ADMIN = 'admin-token-of-all-clusters';

export interface EdgeCluster {
  readonly cluster: number;
  readonly url: string;
  kill(): Promise<void>;
  /** Starts it again on its folder, after {@link kill}. */
  restart(): Promise<void>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  admin(path: string, init?: RequestInit): Promise<Response>;
  log(): string;
}

export interface EdgeClusters {
  readonly clusters: readonly EdgeCluster[];
  stop(): Promise<void>;
}

export interface EdgeClustersOptions {
  readonly runtimes?: readonly RuntimeName[];
  readonly flagsOf?: (cluster: number) => readonly string[];
  /** The URL at which one cluster finds another, if it is not the direct one. */
  readonly urlOf?: (from: number, to: number, url: string) => string;
}

/** @param numbers the numbers of the clusters */
export async function startEdges(
  numbers: readonly number[],
  { runtimes = ['bun'], flagsOf = () => [], urlOf = (_, __, url) => url }: EdgeClustersOptions = {},
): Promise<EdgeClusters> {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-edges-'));
  const ports = await freePorts(numbers.length);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const clusters = numbers.map((cluster, place) => {
    const peers = numbers.flatMap((other, its) =>
      other === cluster ? [] : ['--peer', `${other}=${urlOf(cluster, other, urls[its]!)}`],
    );
    return new Cluster(
      cluster,
      urls[place]!,
      runtimes[place % runtimes.length]!,
      join(folder, String(cluster)),
      [
        ...['--port', String(ports[place]), '--cluster', String(cluster), '--workers', '1'],
        ...peers,
        ...flagsOf(cluster),
      ],
    );
  });
  const stop = async () => {
    await Promise.all(clusters.map((one) => one.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(clusters.map((one) => one.restart()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { clusters, stop };
}

class Cluster implements EdgeCluster {
  readonly cluster: number;
  readonly url: string;
  readonly #runtime: RuntimeName;
  readonly #dataDir: string;
  readonly #flags: readonly string[];
  #quiver: Quiver | undefined;

  constructor(cluster: number, url: string, runtime: RuntimeName, dataDir: string, flags: readonly string[]) {
    this.cluster = cluster;
    this.url = url;
    this.#runtime = runtime;
    this.#dataDir = dataDir;
    this.#flags = flags;
  }

  async restart(): Promise<void> {
    this.#quiver = await startQuiver({
      runtime: this.#runtime,
      dataDir: this.#dataDir,
      flags: this.#flags,
      env: { QUIVER_EDGE_SECRET: EDGE_SECRET, QUIVER_ADMIN_TOKEN: ADMIN },
    });
  }

  async kill(): Promise<void> {
    await this.#quiver?.kill();
    this.#quiver = undefined;
  }

  async stop(): Promise<void> {
    await this.#quiver?.stop();
    this.#quiver = undefined;
  }

  log(): string {
    return this.#quiver?.stderr() ?? '';
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, init);
  }

  admin(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' };
    return this.fetch(`/demo/target/${path}`, { ...init, headers });
  }
}
