/** Usage in LMDB: one JSON record a client and day. */

import type { UsageKind } from '../../domain/usage-kind.ts';
import type { UsageCounts, UsageOfDay, UsageStore } from '../usage-store.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';
import { afterPrefix, clientPrefix } from './lmdb-keys.ts';

/** Days removed in one step. */
const EXPIRED_AT_ONCE = 100;

export class LmdbUsageStore implements UsageStore {
  readonly #environment: LmdbEnvironment;
  readonly #usage: Table;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#usage = environment.table('usage');
  }

  add(additions: readonly UsageOfDay[]): Promise<void> {
    return this.#environment.write(() => {
      for (const { client, day, counts } of additions) {
        const key = keyOf(client, day);
        const bytes = this.#usage.get(key);
        const sum: Record<string, number> = bytes ? JSON.parse(bytes.toString()) : {};
        for (const [kind, count] of Object.entries(counts)) sum[kind] = (sum[kind] ?? 0) + count;
        this.#usage.putSync(key, Buffer.from(JSON.stringify(sum)));
      }
    });
  }

  async read(client: string, from: string, to: string): Promise<UsageOfDay[]> {
    return this.#environment.read(() => {
      const range = this.#usage.getRange({ start: keyOf(client, from), end: afterPrefix(keyOf(client, to)) });
      return Array.from(range, ({ key, value }) => ({
        client,
        day: key.toString('latin1', clientPrefix(client).length),
        counts: JSON.parse(value.toString()) as UsageCounts & Record<UsageKind, number>,
      }));
    });
  }

  async expire(client: string, day: string): Promise<boolean> {
    const range = { start: clientPrefix(client), end: keyOf(client, day), limit: EXPIRED_AT_ONCE };
    if (this.#environment.read(() => this.#usage.getKeysCount({ ...range, limit: 1 })) === 0) return false;
    return this.#environment.writeUpkeep(() => {
      const due = Array.from(this.#usage.getKeys(range));
      for (const key of due) this.#usage.removeSync(key);
      return due.length === EXPIRED_AT_ONCE;
    });
  }
}

function keyOf(client: string, day: string): Buffer {
  return Buffer.concat([clientPrefix(client), Buffer.from(day)]);
}
