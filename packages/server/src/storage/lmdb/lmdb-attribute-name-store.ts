/** Attribute names in LMDB: one key a client and name. */

import { type AttributeNameStore, MAX_ATTRIBUTE_NAMES } from '../attribute-name-store.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';
import { afterPrefix, clientPrefix } from './lmdb-keys.ts';

const NOTHING = Buffer.alloc(0);

export class LmdbAttributeNameStore implements AttributeNameStore {
  readonly #environment: LmdbEnvironment;
  readonly #names: Table;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#names = environment.table('attribute-names');
  }

  add(client: string, names: readonly string[]): Promise<void> {
    const prefix = clientPrefix(client);
    return this.#environment.write(() => {
      let room = MAX_ATTRIBUTE_NAMES - this.#names.getKeysCount({ start: prefix, end: afterPrefix(prefix) });
      for (const name of new Set(names)) {
        const key = Buffer.concat([prefix, Buffer.from(name)]);
        if (room <= 0 || this.#names.doesExist(key)) continue;
        this.#names.putSync(key, NOTHING);
        room -= 1;
      }
    });
  }

  async list(client: string): Promise<string[]> {
    const prefix = clientPrefix(client);
    return this.#environment.read(() =>
      Array.from(this.#names.getKeys({ start: prefix, end: afterPrefix(prefix) }), (key) =>
        key.toString('utf8', prefix.length),
      ),
    );
  }
}
