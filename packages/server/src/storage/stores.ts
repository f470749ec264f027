/** Everything that is kept, opened and closed as one. */

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

/** How much there is, for people to look at; gathering it may take a moment. */
export interface StoreFigures {
  /** Profiles of all clients, expired ones that were not swept yet included. */
  readonly profiles: number;
  /** Bytes on disk, or in memory where the engine keeps all there. */
  readonly bytes: number;
}

/** What an engine implements. */
export interface Engine {
  readonly profiles: ProfileStore;
  /** What was changed of them, in order; it says itself whether it is kept. */
  readonly changes: ChangeFeed;
  /** What was merged; undefined on an engine that does not record it. */
  readonly merges?: MergeTrail | undefined;
  /** All profiles of a client, page by page or as an export. */
  readonly lists: ProfileLists;
  readonly batches: BatchStore;
  readonly batchFiles: BatchFileStore;
  readonly spentCalls: SpentCallStore;
  readonly records: RecordStore;

  /** The background work of the engine; not started yet. */
  readonly chores: Chores;

  /**
   * Says that a request has arrived, in the very callback of the event loop that has received it.
   * Reads see all that was acknowledged before; those of requests that arrive in one poll may share
   * one look at the store. Without it they are right as well, and dearer.
   */
  requestArrives(): void;

  figures(): Promise<StoreFigures>;

  /**
   * Throws `unavailable` when the store cannot be read, `insufficient-storage` when it would refuse
   * a write.
   */
  check(): Promise<void>;

  /** Flushes and closes; safe to call twice. Nothing may be asked of the stores afterwards. */
  close(): Promise<void>;
}

/** What an engine implements, and the stores that keep small records in it. */
export interface Stores extends Engine {
  readonly clients: ClientStore;
  readonly logins: LoginStore;
  readonly usage: UsageStore;
  readonly attributeNames: AttributeNameStore;
  readonly customerSources: CustomerSourceStore;
  readonly webhooks: WebhookStore;
  readonly scripts: ScriptStore;
  /** What administrators did. */
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
