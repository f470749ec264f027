/**
 * Logins in LMDB: for each address the times of the last failed ones, and for each session that was ended when that was. Both
 * make room for others once they no longer count.
 */

import {
  type EndedSession,
  LOGIN_WINDOW,
  LONGEST_SESSION,
  type LoginStore,
  MAX_LOGINS_KEPT,
} from '../login-store.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';

/** Entries looked at for removal with each that is made: more than one, so that no table grows. */
const SWEPT_AT_ONCE = 8;
/** Keys are bounded; an address that is longer than any real one is cut. */
const MAX_TEXT = 128;

export class LmdbLoginStore implements LoginStore {
  readonly #environment: LmdbEnvironment;
  readonly #logins: Table;
  readonly #ended: Table;
  readonly #sweepLogins: Sweep;
  readonly #sweepEnded: Sweep;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#logins = environment.table('logins');
    this.#ended = environment.table('ended-sessions');
    this.#sweepLogins = sweepOf(this.#logins, (key, now) => this.#timesOf(key, now).length === 0);
    this.#sweepEnded = sweepOf(this.#ended, (key, now) => this.#endedAt(key) < now - LONGEST_SESSION);
  }

  async failures(address: string, now: number): Promise<number> {
    return this.#environment.read(() => this.#timesOf(keyOf(address), now).length);
  }

  fail(address: string, now: number): Promise<number> {
    const key = keyOf(address);
    return this.#environment.writeUpkeep(() => {
      this.#sweepLogins(now);
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

  endSession(session: string, at: number): Promise<void> {
    const value = Buffer.alloc(8);
    value.writeDoubleBE(at);
    return this.#environment.writeUpkeep(() => {
      this.#sweepEnded(at);
      this.#ended.putSync(keyOf(session), value);
    });
  }

  async hasEnded(session: string): Promise<boolean> {
    return this.#environment.read(() => this.#ended.get(keyOf(session)) !== undefined);
  }

  async endedSessions(now: number, limit: number): Promise<EndedSession[]> {
    const all = this.#environment.read(() =>
      Array.from(this.#ended.getRange({}), ({ key, value }) => ({
        session: (key as unknown as Buffer).toString('utf8', 1),
        at: value.readDoubleBE(),
      })),
    );
    return all
      .filter(({ at }) => at > now - LONGEST_SESSION)
      .sort((a, b) => b.at - a.at)
      .slice(0, limit);
  }

  #endedAt(key: Buffer): number {
    return this.#ended.get(key)?.readDoubleBE() ?? 0;
  }
}

/** Removes what is old of a few entries, the next few with each call; within a write. */
type Sweep = (now: number) => void;

function sweepOf(table: Table, isOld: (key: Buffer, now: number) => boolean): Sweep {
  let sweptTo: Buffer = Buffer.alloc(1);
  return (now) => {
    const keys = Array.from(table.getKeys({ start: sweptTo, limit: SWEPT_AT_ONCE }));
    for (const key of keys) if (isOld(key, now)) table.removeSync(key);
    sweptTo = keys.length < SWEPT_AT_ONCE ? Buffer.alloc(1) : Buffer.concat([keys.at(-1)!, Buffer.alloc(1)]);
  };
}

function keyOf(text: string): Buffer {
  return Buffer.from(`@${text}`.slice(0, MAX_TEXT));
}
