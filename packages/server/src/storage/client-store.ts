/**
 * The storage contract of what is kept of a client beside its profiles: its settings, and which tokens are the present ones.
 *
 * Neither a token nor a key is ever stored. Of the token there are the facts from which it is signed anew, so that it can be shown
 * again (contract section 9). Errors and durability are as in `profile-store.ts`.
 */

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

/** A record as it is kept: one JSON object, so what is undefined is left out. */
export function clientRecordJson(record: ClientRecord): string {
  return JSON.stringify({ ...record, revision: record.revision + 1 });
}

/** Reads what {@link clientRecordJson} wrote. */
export function parseClientRecord(json: string): ClientRecord {
  return { ...NO_CLIENT_RECORD, ...(JSON.parse(json) as Partial<ClientRecord>) };
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

export interface ClientStore {
  find(client: string): Promise<ClientRecord>;

  /**
   * How many changes of any client's record all processes have acknowledged until now; costs no more than a look into memory. A record that
   * was found after this was asked still holds as long as the number is the same.
   *
   * Undefined where an engine can only say by a round trip.
   */
  readonly changes: (() => number) | undefined;

  /**
   * Puts `record` in the place of the one that it was made from.
   *
   * @param record its `revision` is the one that was found; the next is kept
   * @returns false when another change came first: nothing was changed then
   */
  replace(client: string, record: ClientRecord): Promise<boolean>;
}
