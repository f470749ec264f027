/** Failed admin logins in a Redis or Valkey Cluster: a sorted set an address. */

import { LOGIN_WINDOW, type LoginStore, MAX_LOGINS_KEPT } from '../login-store.ts';
import { newVersion } from './cells.ts';
import { noteLogin } from './client-scripts.lua.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

export class RedisLoginStore implements LoginStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async failures(address: string, now: number): Promise<number> {
    const after = `(${now - LOGIN_WINDOW}`;
    return this.#cluster.read<number>(latest(), this.#key(address), 'ZCOUNT', after, '+inf');
  }

  async fail(address: string, now: number): Promise<number> {
    const args = [newVersion(), now, LOGIN_WINDOW, MAX_LOGINS_KEPT];
    const [, count] = await this.#cluster.write({ script: noteLogin, keys: [this.#key(address)], args });
    return Number(count);
  }

  #key(address: string): string {
    return `${this.#prefix}:logins:{${address}}`;
  }
}
