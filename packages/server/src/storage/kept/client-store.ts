/**
 * What is kept of a client beside its profiles: its settings, and its present tokens. Errors and
 * durability are those of `record-store.ts`.
 *
 * Neither a token nor a key is ever stored. A token is kept as the facts from which it is signed,
 * so that it can be shown again (contract section 9).
 */

import type { RecordKind, RecordStore } from '../record-store.ts';

/** What a token is made from. */
export interface TokenFacts {
  /** Random; tells this token from every other. */
  readonly id: string;
  /** Epoch milliseconds, whole seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface ClientRecord {
  /** Grows by one with each change; 0 as long as nothing is kept. */
  readonly revision: number;
  readonly settings: {
    /** One JSON object. */
    readonly json: string;
    /** Epoch milliseconds; 0 when they were never set. */
    readonly changedAt: number;
  };
  /** The present profile token, expired or not; undefined when there is none. */
  readonly token: TokenFacts | undefined;
  /** When a profile token was last made or ended; 0 for never. */
  readonly tokenChangedAt: number;
  /** The same of the debug token, which opens the trace of a visit (contract section 9). */
  readonly debugToken: TokenFacts | undefined;
  readonly debugTokenChangedAt: number;
}

/** What is found of a client of which nothing is kept. */
export const NO_CLIENT_RECORD: ClientRecord = {
  revision: 0,
  settings: { json: '{}', changedAt: 0 },
  token: undefined,
  tokenChangedAt: 0,
  debugToken: undefined,
  debugTokenChangedAt: 0,
};

/** One record for each client. */
const CLIENTS: RecordKind = { name: 'clients', owner: 'client', purpose: 'access', isCounted: true };

export interface ClientStore {
  find(client: string): Promise<ClientRecord>;

  /**
   * Counts the changes to any client's record, see `RecordStore.counter`; undefined where that
   * would take a round trip.
   */
  readonly changes: (() => number) | undefined;

  /**
   * Replaces the record that `record` was made from.
   *
   * @param record its `revision` is the one that was found; the next is kept
   * @returns false when another change came first: nothing was changed then
   */
  replace(client: string, record: ClientRecord): Promise<boolean>;
}

export function clientStore(records: RecordStore): ClientStore {
  return {
    changes: records.counter(CLIENTS),

    async find(client) {
      return parsed(await records.get(CLIENTS, client, ''));
    },

    async replace(client, record) {
      const outcome = await records.change(CLIENTS, client, '', (kept) =>
        parsed(kept).revision === record.revision
          ? JSON.stringify({ ...record, revision: record.revision + 1 })
          : kept,
      );
      return outcome === 'changed';
    },
  };
}

/** JSON leaves out what is undefined. */
function parsed(kept: string | undefined): ClientRecord {
  return kept === undefined ? NO_CLIENT_RECORD : { ...NO_CLIENT_RECORD, ...JSON.parse(kept) };
}
