/** What is kept of a client, in a Redis or Valkey Cluster: one hash a client. */

import {
  type ClientRecord,
  type ClientStore,
  clientRecordJson,
  NO_CLIENT_RECORD,
  parseClientRecord,
} from '../client-store.ts';
import { newVersion } from './cells.ts';
import { replaceClient } from './client-scripts.lua.ts';
import { ACCESS_MS, latest, type RedisCluster } from './redis-cluster.ts';

/** A change is read before it is made, and the login before that; together they end in time. */
const REPLACE_MS = 1200;

export class RedisClientStore implements ClientStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;
  readonly changes = undefined;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async find(client: string): Promise<ClientRecord> {
    const json = await this.#cluster.read<Buffer | null>(latest(ACCESS_MS), this.#key(client), 'HGET', 'j');
    return json ? parseClientRecord(String(json)) : NO_CLIENT_RECORD;
  }

  async replace(client: string, record: ClientRecord): Promise<boolean> {
    const [status] = await this.#cluster.write(
      {
        script: replaceClient,
        keys: [this.#key(client)],
        args: [newVersion(), record.revision, clientRecordJson(record)],
      },
      latest(REPLACE_MS),
    );
    return String(status) === 'done';
  }

  #key(client: string): string {
    return `${this.#prefix}:client:{${client}}`;
  }
}
