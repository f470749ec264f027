/**
 * The ids of which nothing is to be stored, as keyed hashes (contract section 22). Errors and
 * durability are those of `record-store.ts`.
 *
 * Hashes lie in 64 records a client, by their first character, so that all of them are read with
 * one call. Of each the last decision is kept, also that it is suppressed no more: another edge
 * cluster may know an older one.
 */

import { QuiverError } from '../../errors.ts';
import { MAX_RECORD_BYTES, type RecordKind, type RecordStore } from '../record-store.ts';

/** What was decided of one id. */
export interface Suppression {
  /** 22 characters of base64url. */
  readonly hash: string;
  readonly isSuppressed: boolean;
  /** Epoch milliseconds; of two decisions the later counts. */
  readonly at: number;
}

/** Key: the first character of the hashes; the value lists them. */
const SUPPRESSIONS: RecordKind = {
  name: 'suppressions',
  owner: 'client',
  purpose: 'access',
  most: 64,
  isCounted: true,
};
/** One record, which says with which key the hashes were made. */
const KEY_MARK: RecordKind = { name: 'suppression-key', owner: 'server', purpose: 'access' };

/** One owner; a record for each client that has decisions. */
const CLIENTS: RecordKind = { name: 'suppressing-clients', owner: 'server', purpose: 'access' };

export interface SuppressionStore {
  /** As of {@link RecordStore.counter}. */
  readonly changes: (() => number) | undefined;
  /**
   * All decisions of a client, by the first character of the hash, as texts that
   * {@link readSuppressions} reads.
   */
  all(client: string): Promise<ReadonlyMap<string, string>>;
  /**
   * Adds decisions; an older one of the same hash gives way.
   *
   * @returns whether any of them was news
   */
  add(client: string, decisions: readonly Suppression[]): Promise<boolean>;
  /** The clients that have decisions. */
  clients(): Promise<string[]>;
  /** The mark of the key that the hashes were made with; undefined before the first. */
  keyMark(): Promise<string | undefined>;
  /** Notes the mark of the key. */
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

/** The decisions that a record lists. */
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
    // Of two decisions of one moment the one that protects.
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
