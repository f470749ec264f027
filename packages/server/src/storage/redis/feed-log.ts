/** Reads the log of a cluster's change feed and its state; see `redis-change-feed.ts`. */

import { hintsKey } from './change-outbox.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

export interface FeedState {
  readonly id: string;
  readonly last: number;
  readonly shown: number;
  readonly trimmed: number;
  readonly bytes: number;
}

/** An entry of the log. */
export interface LoggedChange {
  readonly number: number;
  readonly text: string;
}

export class FeedLog {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  /** Undefined when no feed is kept. */
  async state(): Promise<FeedState | undefined> {
    const [id, ...numbers] = await this.#cluster.read<(Buffer | null)[]>(
      latest(),
      this.key('feed'),
      ...(['HMGET', 'id', 'last', 'shown', 'trimmed', 'bytes'] as const),
    );
    if (!id) return undefined;
    const [last, shown, trimmed, bytes] = numbers.map((number) => Number(String(number ?? 0)));
    return { id: String(id), last: last!, shown: shown!, trimmed: trimmed!, bytes: bytes! };
  }

  /** Entries with numbers from one to another, oldest first. */
  between(from: number, to: number, count: number): Promise<LoggedChange[]> {
    return this.#entries('XRANGE', `${from}-0`, `${to}-0`, 'COUNT', count);
  }

  /** Entries between two numbers, without these, newest first. */
  async before(number: number, after: number, count: number): Promise<LoggedChange[]> {
    if (number <= after + 1) return [];
    return this.#entries('XREVRANGE', `${number - 1}-0`, `${after + 1}-0`, 'COUNT', count);
  }

  key(what: string): string {
    return what === 'feed-hints' ? hintsKey(this.#prefix) : `${this.#prefix}:${what}:{feed}`;
  }

  async #entries(
    ...range: ['XRANGE' | 'XREVRANGE', string, string, 'COUNT', number]
  ): Promise<LoggedChange[]> {
    const key = this.key('feed-log');
    const entries = await this.#cluster.read<[Buffer, [Buffer, Buffer]][]>(latest(), key, ...range);
    return entries.map(([id, [, text]]) => ({ number: Number.parseInt(String(id), 10), text: String(text) }));
  }
}
