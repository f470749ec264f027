/**
 * Sealed calls that were accepted, in a Redis or Valkey Cluster: one key each, which expires.
 *
 * No replica is waited for, so that lookups between clusters continue without one. The price: a
 * call accepted just before its master died may be accepted again by the replica, within the
 * seconds for which its seal is valid.
 */

import { SPENT_CALLS_KEPT_MS, type SpentCallStore } from '../spent-call-store.ts';
import { newVersion } from './cells.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

export class RedisSpentCallStore implements SpentCallStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async spend(nonce: string): Promise<boolean> {
    const key = `${this.#prefix}:edge-call:{${nonce}}`;
    const own = newVersion();
    const until = latest();
    const kept = await this.#cluster.read(until, key, 'SET', own, 'NX', 'PX', SPENT_CALLS_KEPT_MS);
    if (kept !== null) return true;
    // It may be our own, from an attempt whose reply was lost.
    return String(await this.#cluster.read<Buffer | null>(until, key, 'GET')) === own;
  }
}
