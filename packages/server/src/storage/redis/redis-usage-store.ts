/** Usage in a Redis or Valkey Cluster: a hash a client and day, and the days of a client in order. */

import { QuiverError } from '../../errors.ts';
import type { UsageCounts, UsageOfDay, UsageStore } from '../usage-store.ts';
import { newVersion } from './cells.ts';
import { addUsage, removeUsage } from './client-scripts.lua.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

/** Days removed in one step. */
const EXPIRED_AT_ONCE = 100;
/** How long an addition is remembered, in milliseconds: longer than it may be sent again. */
const NOTE_KEPT = 20_000;

export class RedisUsageStore implements UsageStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async add(additions: readonly UsageOfDay[]): Promise<void> {
    const added = await Promise.allSettled(additions.map((addition) => this.#add(addition)));
    const failed = added.find((one) => one.status === 'rejected');
    if (!failed) return;
    const isWholly = added.every((one) => one.status === 'rejected' && one.reason.code !== 'unknown');
    if (isWholly) throw failed.reason;
    throw new QuiverError('unknown', 'Some of the usage was not counted', { cause: failed.reason });
  }

  async #add({ client, day, counts }: UsageOfDay): Promise<void> {
    const note = `${this.#prefix}:usage-note:{${client}}:${newVersion()}`;
    await this.#cluster.write({
      script: addUsage,
      keys: [this.#dayKey(client, day), this.#daysKey(client), note],
      args: [day, NOTE_KEPT, ...Object.entries(counts).flat()],
    });
  }

  async read(client: string, from: string, to: string): Promise<UsageOfDay[]> {
    const range = ['ZRANGEBYLEX', `[${from}`, `[${to}`] as const;
    const days = await this.#cluster.read<Buffer[]>(latest(), this.#daysKey(client), ...range);
    return Promise.all(
      days.map(async (bytes) => {
        const day = String(bytes);
        const fields = await this.#cluster.read<Buffer[]>(latest(), this.#dayKey(client, day), 'HGETALL');
        const counts: Record<string, number> = {};
        for (let index = 0; index < fields.length; index += 2) {
          counts[String(fields[index])] = Number(fields[index + 1]);
        }
        return { client, day, counts: counts as UsageCounts };
      }),
    );
  }

  async expire(client: string, day: string): Promise<boolean> {
    const range = ['ZRANGEBYLEX', '-', `(${day}`, 'LIMIT', 0, EXPIRED_AT_ONCE] as const;
    const due = (await this.#cluster.read<Buffer[]>(latest(), this.#daysKey(client), ...range)).map(String);
    if (due.length === 0) return false;
    const keys = [this.#daysKey(client), ...due.map((one) => this.#dayKey(client, one))];
    await this.#cluster.write({ script: removeUsage, keys, args: due });
    return due.length === EXPIRED_AT_ONCE;
  }

  #dayKey(client: string, day: string): string {
    return `${this.#prefix}:usage:{${client}}:${day}`;
  }

  #daysKey(client: string): string {
    return `${this.#prefix}:usage-days:{${client}}`;
  }
}
