/**
 * What is kept of a client, in LMDB: one JSON record a client, and one number that grows with every change of any of them. The number lies in
 * the same memory for all processes, so that each knows by a look at it whether what it has read before still holds.
 */

import {
  type ClientRecord,
  type ClientStore,
  clientRecordJson,
  NO_CLIENT_RECORD,
  parseClientRecord,
} from '../client-store.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';

/** No client code begins with a zero byte. */
const CHANGES_KEY = Buffer.from('\0changes');

export class LmdbClientStore implements ClientStore {
  readonly #environment: LmdbEnvironment;
  readonly #clients: Table;
  #changes = 0;
  /** The snapshot from which {@link #changes} was read. */
  #changesOf = 0;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#clients = environment.table('clients');
  }

  async find(client: string): Promise<ClientRecord> {
    return this.#environment.read(() => this.#get(Buffer.from(client)));
  }

  readonly changes = (): number => this.#environment.read(this.#lookAtChanges);

  readonly #lookAtChanges = (snapshot: number): number => {
    if (snapshot !== this.#changesOf) {
      this.#changes = this.#readChanges();
      this.#changesOf = snapshot;
    }
    return this.#changes;
  };

  replace(client: string, record: ClientRecord): Promise<boolean> {
    const key = Buffer.from(client);
    const bytes = Buffer.from(clientRecordJson(record));
    return this.#environment.writeUpkeep(() => {
      if (this.#get(key).revision !== record.revision) return false;
      this.#clients.putSync(key, bytes);
      const changes = Buffer.alloc(8);
      changes.writeDoubleBE(this.#readChanges() + 1);
      this.#clients.putSync(CHANGES_KEY, changes);
      return true;
    });
  }

  #readChanges(): number {
    return this.#clients.get(CHANGES_KEY)?.readDoubleBE() ?? 0;
  }

  #get(key: Buffer): ClientRecord {
    const bytes = this.#clients.get(key);
    return bytes ? parseClientRecord(bytes.toString()) : NO_CLIENT_RECORD;
  }
}
