/** Failed admin logins in LMDB: for each address the times of the last, which make room for others once they no longer count. */

import { LOGIN_WINDOW, type LoginStore, MAX_LOGINS_KEPT } from '../login-store.ts';
import type { LmdbEnvironment, Table } from './lmdb-environment.ts';

/** Entries looked at for removal with each failure: more than are made, so that the table does not grow. */
const SWEPT_AT_ONCE = 8;
/** Keys are bounded; an address that is longer than any real one is cut. */
const MAX_ADDRESS = 128;

export class LmdbLoginStore implements LoginStore {
  readonly #environment: LmdbEnvironment;
  readonly #logins: Table;
  /** Where the removal of old entries goes on. */
  #sweptTo: Buffer = Buffer.alloc(1);

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#logins = environment.table('logins');
  }

  async failures(address: string, now: number): Promise<number> {
    return this.#environment.read(() => this.#timesOf(keyOf(address), now).length);
  }

  fail(address: string, now: number): Promise<number> {
    const key = keyOf(address);
    return this.#environment.write(() => {
      this.#sweep(now);
      const times = [...this.#timesOf(key, now), now].slice(-MAX_LOGINS_KEPT);
      this.#logins.putSync(key, Buffer.from(JSON.stringify(times)));
      return times.length;
    });
  }

  #timesOf(key: Buffer, now: number): number[] {
    const bytes = this.#logins.get(key);
    if (!bytes) return [];
    return (JSON.parse(bytes.toString()) as number[]).filter((time) => Math.abs(now - time) < LOGIN_WINDOW);
  }

  #sweep(now: number): void {
    const keys = Array.from(this.#logins.getKeys({ start: this.#sweptTo, limit: SWEPT_AT_ONCE }));
    for (const key of keys) if (this.#timesOf(key, now).length === 0) this.#logins.removeSync(key);
    this.#sweptTo =
      keys.length < SWEPT_AT_ONCE ? Buffer.alloc(1) : Buffer.concat([keys.at(-1)!, Buffer.alloc(1)]);
  }
}

function keyOf(address: string): Buffer {
  return Buffer.from(`@${address}`.slice(0, MAX_ADDRESS));
}
