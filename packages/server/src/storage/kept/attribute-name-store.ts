/**
 * The names of all attributes that a client has ever set, for people who look for one. Errors and
 * durability are those of `record-store.ts`.
 */

import type { RecordKind, RecordStore } from '../record-store.ts';

/** How many names are kept for a client; further names are not recorded. */
export const MAX_ATTRIBUTE_NAMES = 10_000;

/** A record for each name; the name is the key. */
const NAMES: RecordKind = {
  name: 'attribute-names',
  owner: 'client',
  purpose: 'ordinary',
  most: MAX_ATTRIBUTE_NAMES,
};

export interface AttributeNameStore {
  /** Records names; known names stay as they are. */
  add(client: string, names: readonly string[]): Promise<void>;

  /** All names of a client, in the order of their UTF-8 bytes. */
  list(client: string): Promise<string[]>;
}

export function attributeNameStore(records: RecordStore): AttributeNameStore {
  return {
    async add(client, names) {
      await records.add(
        NAMES,
        client,
        names.map((name) => ({ key: name, value: '' })),
      );
    },

    async list(client) {
      return (await records.range(NAMES, client)).map(({ key }) => key);
    },
  };
}
