/** The attribute names of a client in a Redis or Valkey Cluster: a set. */

import { type AttributeNameStore, MAX_ATTRIBUTE_NAMES } from '../attribute-name-store.ts';
import { addNames } from './client-scripts.lua.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

export class RedisAttributeNameStore implements AttributeNameStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async add(client: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const args = [MAX_ATTRIBUTE_NAMES, ...names];
    await this.#cluster.write({ script: addNames, keys: [this.#key(client)], args });
  }

  async list(client: string): Promise<string[]> {
    const names = await this.#cluster.read<Buffer[]>(latest(), this.#key(client), 'SMEMBERS');
    return names.sort(Buffer.compare).map(String);
  }

  #key(client: string): string {
    return `${this.#prefix}:names:{${client}}`;
  }
}
