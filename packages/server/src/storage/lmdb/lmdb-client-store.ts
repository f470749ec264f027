/** What is kept of a client, in LMDB: one JSON record a client. */

import {
  type ClientRecord,
  type ClientStore,
  clientRecordJson,
  NO_CLIENT_RECORD,
  parseClientRecord,
} from '../client-store.ts';
import type { LmdbEnvironment, Table } from './lmdb-environment.ts';

export class LmdbClientStore implements ClientStore {
  readonly #environment: LmdbEnvironment;
  readonly #clients: Table;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#clients = environment.table('clients');
  }

  async find(client: string): Promise<ClientRecord> {
    return this.#environment.read(() => this.#get(Buffer.from(client)));
  }

  replace(client: string, record: ClientRecord): Promise<boolean> {
    const key = Buffer.from(client);
    const bytes = Buffer.from(clientRecordJson(record));
    return this.#environment.write(() => {
      if (this.#get(key).revision !== record.revision) return false;
      this.#clients.putSync(key, bytes);
      return true;
    });
  }

  #get(key: Buffer): ClientRecord {
    const bytes = this.#clients.get(key);
    return bytes ? parseClientRecord(bytes.toString()) : NO_CLIENT_RECORD;
  }
}
