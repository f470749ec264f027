/** All stores of a server, opened and closed together. */

import type { BatchFileStore } from './batch-file-store.ts';
import type { BatchStore } from './batch-store.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { Chores } from './chores.ts';
import { type AttributeNameStore, attributeNameStore } from './kept/attribute-name-store.ts';
import { type AuditStore, auditStore } from './kept/audit-store.ts';
import { type ClientStore, clientStore } from './kept/client-store.ts';
import { type CustomerSourceStore, customerSourceStore } from './kept/customer-source-store.ts';
import { type LoginStore, loginStore } from './kept/login-store.ts';
import { type ScriptStore, scriptStore } from './kept/script-store.ts';
import { type UsageStore, usageStore } from './kept/usage-store.ts';
import { type WebhookStore, webhookStore } from './kept/webhook-store.ts';
import type { MergeTrail } from './merge-trail.ts';
import type { ProfileLists } from './profile-lists.ts';
import type { ProfileStore } from './profile-store.ts';
import type { RecordStore } from './record-store.ts';
import type { SpentCallStore } from './spent-call-store.ts';

/** The size of the store, for people; gathering it may take a moment. */
export interface StoreFigures {
  /** Profiles of all clients, including expired ones that have not been removed yet. */
  readonly profiles: number;
  /** Bytes on disk, or in memory for an engine that keeps everything there. */
  readonly bytes: number;
}

/** What an engine implements. */
export interface Engine {
  readonly profiles: ProfileStore;
  /** The changes to profiles, in order. The feed itself says whether it is kept. */
  readonly changes: ChangeFeed;
  /** The merges of profiles. The trail itself says whether it is kept. */
  readonly merges: MergeTrail;
  /** All profiles of a client, as pages or as an export. */
  readonly lists: ProfileLists;
  readonly batches: BatchStore;
  readonly batchFiles: BatchFileStore;
  readonly spentCalls: SpentCallStore;
  readonly records: RecordStore;

  /** The background work of the engine; not started yet. */
  readonly chores: Chores;

  /**
   * Announces a request, from the callback of the event loop that received it. Reads see everything
   * acknowledged before; requests that arrive in one poll may share one snapshot of the store.
   * Without this call reads are correct too, but slower.
   */
  requestArrives(): void;

  figures(): Promise<StoreFigures>;

  /**
   * Throws `unavailable` when the store cannot be read, and `insufficient-storage` when it would
   * refuse a write.
   */
  check(): Promise<void>;

  /** Flushes and closes. Safe to call twice; no store may be used afterwards. */
  close(): Promise<void>;
}

/** What an engine implements, plus the stores of small records that are built on it. */
export interface Stores extends Engine {
  readonly clients: ClientStore;
  readonly logins: LoginStore;
  readonly usage: UsageStore;
  readonly attributeNames: AttributeNameStore;
  readonly customerSources: CustomerSourceStore;
  readonly webhooks: WebhookStore;
  readonly scripts: ScriptStore;
  /** The actions of administrators. */
  readonly audit: AuditStore;
}

/** The stores over an engine. */
export function storesOver(engine: Engine): Stores {
  const { records } = engine;
  return {
    ...engine,
    clients: clientStore(records),
    logins: loginStore(records),
    usage: usageStore(records),
    attributeNames: attributeNameStore(records),
    customerSources: customerSourceStore(records),
    webhooks: webhookStore(records),
    scripts: scriptStore(records),
    audit: auditStore(records),
  };
}
