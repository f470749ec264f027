/**
 * The sources of customer attributes that a client has uploaded (contract section 17). Errors and
 * durability are those of `record-store.ts`.
 */

import type { SourceIds } from '../../domain/customer-attributes.ts';
import type { RecordKind, RecordStore } from '../record-store.ts';
import { type SharedRecords, sharedRecords } from './shared-records.ts';

/** How many sources a client may have. */
export const MAX_CUSTOMER_SOURCES = 100;

export interface CustomerSource {
  readonly name: string;
  readonly ids: SourceIds;
  /** The attributes of the last file, in the order of its columns. */
  readonly attributes: readonly string[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly uploadedAt: number;
}

/** A record for each source; its name is the key. */
const SOURCES: RecordKind = {
  name: 'customer-sources',
  owner: 'client',
  purpose: 'ordinary',
  // Clusters that were apart may have different sources.
  most: 4 * MAX_CUSTOMER_SOURCES,
  isCounted: true,
};

export interface CustomerSourceStore {
  find(client: string, name: string): Promise<CustomerSource | undefined>;

  /** All sources of a client, by name. */
  list(client: string): Promise<CustomerSource[]>;

  /**
   * Records an upload. The first upload of a source determines the kind of its ids.
   *
   * @returns the source afterwards, whose kind of ids may differ; `full` when the client has
   *   {@link MAX_CUSTOMER_SOURCES} other sources
   */
  note(client: string, upload: Omit<CustomerSource, 'createdAt'>): Promise<CustomerSource | 'full'>;

  /** For the exchange with other edge clusters. */
  readonly shared: SharedRecords;
}

export function customerSourceStore(records: RecordStore): CustomerSourceStore {
  return {
    shared: sharedRecords(records, { kind: SOURCES, join: joinedSource }),

    async find(client, name) {
      const kept = await records.get(SOURCES, client, name);
      return kept === undefined ? undefined : (JSON.parse(kept) as CustomerSource);
    },

    async list(client) {
      return (await records.range(SOURCES, client)).map(({ value }) => JSON.parse(value) as CustomerSource);
    },

    async note(client, upload) {
      const others = (await records.range(SOURCES, client)).filter(({ key }) => key !== upload.name);
      if (others.length >= MAX_CUSTOMER_SOURCES) return 'full';
      let noted: CustomerSource | undefined;
      const outcome = await records.change(SOURCES, client, upload.name, (value) => {
        const kept = value === undefined ? undefined : (JSON.parse(value) as CustomerSource);
        if (kept && kept.ids !== upload.ids) {
          noted = kept;
          return value;
        }
        noted = { ...upload, createdAt: kept?.createdAt ?? upload.uploadedAt };
        return JSON.stringify(noted);
      });
      return outcome === 'full' ? 'full' : noted!;
    },
  };
}

/**
 * The kind of ids of the first upload, and the attributes of the last one. At equal times, what
 * sorts last counts.
 */
function joinedSource(one: string, other: string): string {
  const sources = [one, other].sort().map((text) => JSON.parse(text) as CustomerSource);
  const [a, b] = sources as [CustomerSource, CustomerSource];
  const first = a.createdAt < b.createdAt ? a : b;
  const last = a.uploadedAt > b.uploadedAt ? a : b;
  const { name, ids, createdAt } = first;
  const { attributes, uploadedAt } = last;
  return JSON.stringify({ name, ids, attributes, uploadedAt, createdAt } satisfies CustomerSource);
}
