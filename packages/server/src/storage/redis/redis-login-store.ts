/** Logins in a Redis or Valkey Cluster: a sorted set for the failed ones of an address, one for the sessions that were ended. */

import {
  type EndedSession,
  LOGIN_WINDOW,
  LONGEST_SESSION,
  type LoginStore,
  MAX_LOGINS_KEPT,
} from '../login-store.ts';
import { newVersion } from './cells.ts';
import { noteEndedSession, noteLogin } from './client-scripts.lua.ts';
import { ACCESS_MS, latest, type RedisCluster } from './redis-cluster.ts';

export class RedisLoginStore implements LoginStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async failures(address: string, now: number): Promise<number> {
    const after = `(${now - LOGIN_WINDOW}`;
    return this.#cluster.read<number>(latest(ACCESS_MS), this.#key(address), 'ZCOUNT', after, '+inf');
  }

  async fail(address: string, now: number): Promise<number> {
    const args = [newVersion(), now, LOGIN_WINDOW, MAX_LOGINS_KEPT];
    const [, count] = await this.#cluster.write(
      { script: noteLogin, keys: [this.#key(address)], args },
      latest(ACCESS_MS),
    );
    return Number(count);
  }

  async endSession(session: string, at: number): Promise<void> {
    const args = [session, at, LONGEST_SESSION];
    await this.#cluster.write({ script: noteEndedSession, keys: [this.#endedKey()], args });
  }

  async hasEnded(session: string): Promise<boolean> {
    return (
      (await this.#cluster.read<unknown>(latest(ACCESS_MS), this.#endedKey(), 'ZSCORE', session)) !== null
    );
  }

  async endedSessions(now: number, limit: number): Promise<EndedSession[]> {
    const range = ['+inf', `(${now - LONGEST_SESSION}`, 'WITHSCORES', 'LIMIT', 0, limit];
    const found = await this.#cluster.read<readonly unknown[]>(
      latest(ACCESS_MS),
      this.#endedKey(),
      'ZREVRANGEBYSCORE',
      ...range,
    );
    // Pairs in pairs (RESP3) or one after the other (RESP2).
    const pairs = found.flat();
    return Array.from({ length: pairs.length / 2 }, (_, place) => ({
      session: String(pairs[2 * place]),
      at: Number(pairs[2 * place + 1]),
    }));
  }

  #endedKey(): string {
    return `${this.#prefix}:ended-sessions:{ended-sessions}`;
  }

  #key(address: string): string {
    return `${this.#prefix}:logins:{${address}}`;
  }
}
