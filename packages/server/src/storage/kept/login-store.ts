/**
 * Failed logins of the last minute by address, counted over all processes so that they share one
 * limit; and sessions that were ended early. Errors and durability are those of `record-store.ts`.
 */

import type { RecordKind, RecordStore } from '../record-store.ts';

/** How long a failed login counts, in milliseconds. */
export const LOGIN_WINDOW_MS = 60_000;
/** How many failed logins of an address are remembered; more count as this many. */
export const MAX_LOGINS_KEPT = 32;

/** The longest session, in milliseconds. An ended session is remembered as long. */
export const LONGEST_SESSION_MS = 12 * 3600 * 1000;

export interface EndedSession {
  readonly session: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface LoginStore {
  /** Failed logins of an address within {@link LOGIN_WINDOW_MS} before `now`. */
  failures(address: string, now: number): Promise<number>;

  /**
   * Records a failed login.
   * @returns how many there are, including this one
   */
  fail(address: string, now: number): Promise<number>;

  /**
   * Records that a session has ended, at `at` in epoch milliseconds. When this returns, every
   * process knows it.
   */
  endSession(session: string, at: number): Promise<void>;

  /** Whether the session was ended. */
  hasEnded(session: string): Promise<boolean>;

  /** Sessions ended within {@link LONGEST_SESSION_MS} before `now`, the latest first. */
  endedSessions(now: number, limit: number): Promise<EndedSession[]>;
}

const SHARED = { owner: 'server', purpose: 'access' } as const;
/** Owner: an address. One record, the times of its last failed logins as JSON. */
const FAILED: RecordKind = { ...SHARED, name: 'failed-logins', keptMs: 2 * LOGIN_WINDOW_MS };
/** One owner; a record for each ended session. */
const ENDED: RecordKind = { ...SHARED, name: 'ended-sessions', keptMs: LONGEST_SESSION_MS };
/** The same by time, the latest first: the key starts with the time, counted backwards. */
const ENDED_BY_TIME: RecordKind = { ...ENDED, name: 'ended-by-time' };

/** No real address is longer. */
const MAX_ADDRESS = 64;
const MAX_SESSION = 128;

export function loginStore(records: RecordStore): LoginStore {
  return {
    async failures(address, now) {
      return timesOf(await records.get(FAILED, address.slice(0, MAX_ADDRESS), ''), now).length;
    },

    async fail(address, now) {
      let count = 0;
      await records.change(FAILED, address.slice(0, MAX_ADDRESS), '', (kept) => {
        const times = [...timesOf(kept, now), now].slice(-MAX_LOGINS_KEPT);
        count = times.length;
        return JSON.stringify(times);
      });
      return count;
    },

    async endSession(session, at) {
      const key = session.slice(0, MAX_SESSION);
      // In this order: a session that is listed but not ended is ended again by another cluster.
      await records.add(ENDED_BY_TIME, '', [{ key: `${backwards(at)} ${key}`, value: String(at) }]);
      await records.add(ENDED, '', [{ key, value: String(at) }]);
    },

    async hasEnded(session) {
      return (await records.get(ENDED, '', session.slice(0, MAX_SESSION))) !== undefined;
    },

    async endedSessions(now, limit) {
      const range = { before: backwards(now - LONGEST_SESSION_MS), limit };
      const ended = await records.range(ENDED_BY_TIME, '', range);
      return ended.map(({ key, value }) => ({ session: key.slice(key.indexOf(' ') + 1), at: Number(value) }));
    },
  };
}

function timesOf(kept: string | undefined, now: number): number[] {
  if (kept === undefined) return [];
  return (JSON.parse(kept) as number[]).filter((time) => Math.abs(now - time) < LOGIN_WINDOW_MS);
}

/** A time such that a later one sorts before an earlier one. */
function backwards(at: number): string {
  return String(Number.MAX_SAFE_INTEGER - at);
}
