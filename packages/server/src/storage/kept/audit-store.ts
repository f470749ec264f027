/**
 * The actions of administrators, newest first (contract section 23). Errors and durability are
 * those of `record-store.ts`.
 */

import type { RecordKind, RecordStore } from '../record-store.ts';

/** Who acted: the holder of the admin token, or of a console session. */
export interface AuditActor {
  readonly kind: 'token' | 'session';
  /** The name of the token or session; it gives no access. */
  readonly id: string;
}

export interface AuditEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly by: AuditActor;
  /** Method and route: `PATCH /{client}/target/clients/settings`. */
  readonly action: string;
  /** What the action applied to, member by member, without values or plain ids of visitors. */
  readonly target: Readonly<Record<string, string>>;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** Where the next page starts; undefined when there is none. */
  readonly next: string | undefined;
}

const DAY_MS = 86_400_000;
export const AUDIT_KEPT_MS = 90 * DAY_MS;
/** The most entries of a client; when there are more, the oldest tenth is removed. */
export const MAX_AUDIT_ENTRIES = 20_000;
const OLDEST_SHARE = 0.1;

/**
 * Key: the time, counted down, so that the newest comes first, then a suffix that makes it unique.
 */
const AUDIT: RecordKind = {
  name: 'audit',
  owner: 'client',
  purpose: 'access',
  most: MAX_AUDIT_ENTRIES,
  keptMs: AUDIT_KEPT_MS,
};
const KEY_DIGITS = 15;
const LAST_TIME = 10 ** KEY_DIGITS - 1;

export interface AuditStore {
  /**
   * Adds an entry. If the client has too many, the oldest are removed first.
   *
   * @param suffix distinguishes entries of the same millisecond, `[0-9a-f]+`
   */
  add(client: string, entry: AuditEntry, suffix: string): Promise<void>;
  /**
   * A page, newest first.
   *
   * @param since epoch milliseconds; only entries of this time or later
   * @param from `next` of the previous page
   */
  page(client: string, since: number, limit: number, from?: string): Promise<AuditPage>;
}

/** Whether a text has the form of a `next`. */
export function isAuditCursor(text: string): boolean {
  return /^[0-9]{15}-[0-9a-f]{1,32}$/.test(text);
}

/**
 * @param most the most entries of a client; {@link MAX_AUDIT_ENTRIES} by default, fewer in tests
 */
export function auditStore(records: RecordStore, most = MAX_AUDIT_ENTRIES): AuditStore {
  const kind = { ...AUDIT, most };

  async function removeOldest(client: string): Promise<void> {
    const kept: string[] = [];
    for (let from = ''; ; from = `${kept.at(-1)!}0`) {
      const keys = (await records.range(kind, client, { from })).map(({ key }) => key);
      kept.push(...keys);
      if (keys.length === 0) break;
    }
    const from = kept[Math.floor(kept.length * (1 - OLDEST_SHARE))];
    if (from !== undefined) await records.remove(kind, client, { from });
  }

  return {
    async add(client, entry, suffix) {
      const record = { key: `${keyOf(entry.at)}-${suffix}`, value: JSON.stringify(entry) };
      // Other processes may have used the room that was made.
      while ((await records.add(kind, client, [record])) === 0) await removeOldest(client);
    },

    async page(client, since, limit, from = '') {
      const before = `${keyOf(since)}.`;
      if (from >= before) return { entries: [], next: undefined };
      const found = await records.range(kind, client, { from, before, limit: limit + 1 });
      return {
        entries: found.slice(0, limit).map(({ value }) => JSON.parse(value) as AuditEntry),
        next: found[limit]?.key,
      };
    },
  };
}

/** `.` sorts after `-`, so `<time>.` sorts after all entries of a time. */
function keyOf(at: number): string {
  return String(LAST_TIME - Math.max(0, Math.floor(at))).padStart(KEY_DIGITS, '0');
}
