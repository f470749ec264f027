/**
 * The settings and current tokens of clients. Errors and durability are those of `record-store.ts`.
 *
 * Neither a token nor a key is ever stored. Only the facts are stored from which a token is signed,
 * so that it can be shown again (contract section 9).
 */

import type { RecordKind, RecordStore } from '../record-store.ts';

/** The facts from which a token is signed. */
export interface TokenFacts {
  /** Random; unique for each token. */
  readonly id: string;
  /** Epoch milliseconds, whole seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface ClientRecord {
  /** Increases by one with each change; 0 while nothing is stored. */
  readonly revision: number;
  readonly settings: {
    /** One JSON object. */
    readonly json: string;
    /** Epoch milliseconds; 0 when they were never set. */
    readonly changedAt: number;
  };
  /** The current profile token, even if it has expired; undefined when there is none. */
  readonly token: TokenFacts | undefined;
  /** When a profile token was last created or ended; 0 for never. */
  readonly tokenChangedAt: number;
  /** The same for the debug token, which allows the trace of a visit (contract section 9). */
  readonly debugToken: TokenFacts | undefined;
  readonly debugTokenChangedAt: number;
}

/** The record of a client for which nothing is stored. */
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
   * Replaces a record.
   *
   * @param record its `revision` is the one that was read; it is stored with the next
   * @returns false when another change came first; nothing was changed then
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

/** JSON omits undefined members. */
function parsed(kept: string | undefined): ClientRecord {
  return kept === undefined ? NO_CLIENT_RECORD : { ...NO_CLIENT_RECORD, ...JSON.parse(kept) };
}
