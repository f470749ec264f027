/**
 * The sources of customer attributes that a client has uploaded (contract section 17). Errors and
 * durability are those of `record-store.ts`.
 */

import type { SourceIds } from '../../domain/customer-attributes.ts';
import type { RecordKind, RecordStore } from '../record-store.ts';

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
  most: MAX_CUSTOMER_SOURCES,
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
}

export function customerSourceStore(records: RecordStore): CustomerSourceStore {
  return {
    async find(client, name) {
      const kept = await records.get(SOURCES, client, name);
      return kept === undefined ? undefined : (JSON.parse(kept) as CustomerSource);
    },

    async list(client) {
      return (await records.range(SOURCES, client)).map(({ value }) => JSON.parse(value) as CustomerSource);
    },

    async note(client, upload) {
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
