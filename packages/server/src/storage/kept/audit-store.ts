/**
 * What administrators did, newest first (contract section 23). Errors and durability are those of
 * `record-store.ts`.
 */

import type { RecordKind, RecordStore } from '../record-store.ts';

/** Who acted: the holder of the admin token, or of a session of the console. */
export interface AuditActor {
  readonly kind: 'token' | 'session';
  /** The name of the token or session; it opens nothing. */
  readonly id: string;
}

export interface AuditEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly by: AuditActor;
  /** Method and route: `PATCH /{client}/target/clients/settings`. */
  readonly action: string;
  /** What it was done to, member by member; no values, and no id of a visitor in clear. */
  readonly target: Readonly<Record<string, string>>;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** Where the next page begins; undefined when there is none. */
  readonly next: string | undefined;
}

const DAY_MS = 86_400_000;
export const AUDIT_KEPT_MS = 90 * DAY_MS;
/** How many entries a client may have; then the oldest tenth goes. */
export const MAX_AUDIT_ENTRIES = 20_000;
const OLDEST_SHARE = 0.1;

/** Key: the time, counted down, so that the newest comes first, and what tells entries apart. */
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
   * Keeps an entry. When the client has too many, the oldest go first.
   *
   * @param suffix tells entries of one millisecond apart, `[0-9a-f]+`
   */
  add(client: string, entry: AuditEntry, suffix: string): Promise<void>;
  /**
   * A page, newest first.
   *
   * @param since epoch milliseconds: entries of that time or later
   * @param from `next` of the page before
   */
  page(client: string, since: number, limit: number, from?: string): Promise<AuditPage>;
}

/** Whether a text may be the `next` of a page. */
export function isAuditCursor(text: string): boolean {
  return /^[0-9]{15}-[0-9a-f]{1,32}$/.test(text);
}

/**
 * @param most how many entries a client may have; {@link MAX_AUDIT_ENTRIES} by default, less in
 * tests
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
      // Other processes may take the room that was made.
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

/** `.` comes behind `-`, so `<time>.` is behind all entries of a time. */
function keyOf(at: number): string {
  return String(LAST_TIME - Math.max(0, Math.floor(at))).padStart(KEY_DIGITS, '0');
}
