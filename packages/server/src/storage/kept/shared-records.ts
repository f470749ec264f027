/**
 * Records of a client that all edge clusters keep the same (contract section 8): profile scripts
 * and sources of customer attributes.
 *
 * When two clusters have different values for a key, both store the result of
 * {@link SharedKind.join}, which must not depend on which of the two is whose.
 */

import type { RecordKind, RecordStore, SmallRecord } from '../record-store.ts';

export interface SharedKind {
  readonly kind: RecordKind;
  readonly join: (one: string, other: string) => string;
}

export interface SharedRecords {
  /** As in {@link RecordStore.counter}. */
  readonly changes: (() => number) | undefined;
  /** All records of a client, by key. */
  all(client: string): Promise<SmallRecord[]>;
  /** Joins a record of another cluster with the one that is stored. */
  take(client: string, theirs: SmallRecord): Promise<void>;
}

export function sharedRecords(records: RecordStore, { kind, join }: SharedKind): SharedRecords {
  return {
    changes: records.counter(kind),
    all: (client) => records.range(kind, client),
    async take(client, { key, value }) {
      await records.change(kind, client, key, (ours) => (ours === undefined ? value : join(ours, value)));
    },
  };
}
