/**
 * The ids for which nothing may be stored, as keyed hashes (contract section 22). Errors and
 * durability are those of `record-store.ts`.
 *
 * Hashes are in 64 records per client, by their first character, so that one call reads all of
 * them. The last decision for each hash is kept, even if it ended a suppression, because another
 * edge cluster may know an older one.
 */

import { QuiverError } from '../../errors.ts';
import { MAX_RECORD_BYTES, type RecordKind, type RecordStore } from '../record-store.ts';

/** The decision for one id. */
export interface Suppression {
  /** 22 characters of base64url. */
  readonly hash: string;
  readonly isSuppressed: boolean;
  /** Epoch milliseconds; the later of two decisions counts. */
  readonly at: number;
}

/** Key: the first character of the hashes. The value lists them. */
const SUPPRESSIONS: RecordKind = {
  name: 'suppressions',
  owner: 'client',
  purpose: 'access',
  most: 64,
  isCounted: true,
};
/** A single record that identifies the key of the hashes. */
const KEY_MARK: RecordKind = { name: 'suppression-key', owner: 'server', purpose: 'access' };

/** One owner; a record for each client with decisions. */
const CLIENTS: RecordKind = { name: 'suppressing-clients', owner: 'server', purpose: 'access' };

export interface SuppressionStore {
  /** As in {@link RecordStore.counter}. */
  readonly changes: (() => number) | undefined;
  /**
   * All decisions of a client, by the first character of the hash, as texts for
   * {@link readSuppressions}.
   */
  all(client: string): Promise<ReadonlyMap<string, string>>;
  /**
   * Adds decisions, which replace older ones of the same hash.
   *
   * @returns whether any of them was new
   */
  add(client: string, decisions: readonly Suppression[]): Promise<boolean>;
  /** The clients with decisions. */
  clients(): Promise<string[]>;
  /** The mark of the key of the hashes; undefined before the first. */
  keyMark(): Promise<string | undefined>;
  /** Stores the mark of the key. */
  setKeyMark(mark: string): Promise<void>;
}

export function suppressionStore(records: RecordStore): SuppressionStore {
  return {
    changes: records.counter(SUPPRESSIONS),

    async all(client) {
      return new Map((await records.range(SUPPRESSIONS, client)).map(({ key, value }) => [key, value]));
    },

    async add(client, decisions) {
      if (decisions.length === 0) return false;
      const byKey = new Map<string, Suppression[]>();
      for (const one of decisions) byKey.set(one.hash[0]!, [...(byKey.get(one.hash[0]!) ?? []), one]);
      let isNews = false;
      await records.add(CLIENTS, '', [{ key: client, value: '' }]);
      for (const [key, added] of byKey) {
        const outcome = await records.change(SUPPRESSIONS, client, key, (kept = '') => merged(kept, added));
        if (outcome === 'changed') isNews = true;
      }
      return isNews;
    },

    async clients() {
      return (await records.range(CLIENTS, '')).map(({ key }) => key);
    },

    keyMark: () => records.get(KEY_MARK, '', ''),

    async setKeyMark(mark) {
      await records.change(KEY_MARK, '', '', () => mark);
    },
  };
}

/** The decisions in a record. */
export function readSuppressions(text: string): Suppression[] {
  return text === '' ? [] : text.split(',').map(parsed);
}

function parsed(entry: string): Suppression {
  return {
    hash: entry.slice(0, HASH),
    isSuppressed: entry[HASH] === '+',
    at: Number.parseInt(entry.slice(HASH + 1), 36),
  };
}
const HASH = 22;

function merged(kept: string, added: readonly Suppression[]): string {
  const all = new Map(readSuppressions(kept).map((one) => [one.hash, one]));
  for (const one of added) {
    const known = all.get(one.hash);
    // Of two decisions at the same time, the one that suppresses counts.
    const isNewer = !known || one.at > known.at || (one.at === known.at && one.isSuppressed);
    if (isNewer) all.set(one.hash, one);
  }
  const text = [...all.values()]
    .sort((one, other) => (one.hash < other.hash ? -1 : 1))
    .map(({ hash, isSuppressed, at }) => `${hash}${isSuppressed ? '+' : '-'}${at.toString(36)}`)
    .join(',');
  if (text.length > MAX_RECORD_BYTES) {
    throw new QuiverError('insufficient-storage', 'No more ids can be suppressed; nothing was changed');
  }
  return text;
}
