/**
 * Puts the parts of one serving process together, starts and closes them; the only file that knows every part.
 *
 * To construct is not to start: `createServer` opens nothing. `start` opens in order (store, application, sweeper, port), `close` undoes it in
 * reverse and may be called twice.
 */

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { BatchFiles } from './batches/batch-files.ts';
import { BatchRunner } from './batches/batch-runner.ts';
import { BatchSweeper } from './batches/batch-sweeper.ts';
import type { ServeConfig } from './config/config.ts';
import { DEFAULT_LIFETIME_DAYS } from './domain/lifetime.ts';
import { createApp } from './http/app.ts';
import type { Log } from './log.ts';
import { ExpirySweeper } from './profiles/expiry-sweeper.ts';
import type { Listener, Runtime } from './runtime/runtime.ts';
import { openLmdbStores } from './storage/lmdb/open-lmdb-stores.ts';

export { embeddedStoreSettings } from './storage/lmdb/lmdb-environment.ts';
export {
  copyEmbeddedStore,
  type EmbeddedStoreFacts,
  hasEmbeddedStore,
  inspectEmbeddedStore,
} from './storage/lmdb/lmdb-upkeep.ts';

export interface ServerParts {
  readonly config: ServeConfig;
  readonly adminToken: string;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly version: string;
  /** The metrics of all workers as text; of this one alone by default. */
  readonly collectMetrics?: () => Promise<string>;
}

export interface QuiverServer {
  readonly metrics: Registry;
  /** Opens everything; listens when this returns. */
  start(): Promise<{ readonly port: number }>;
  /** Stops accepting, answers what is in flight, flushes and closes. */
  close(): Promise<void>;
}

export function createServer(parts: ServerParts): QuiverServer {
  const { config, log, runtime } = parts;
  const metrics = new Registry();
  const closers: (() => Promise<void>)[] = [];
  let isDraining = false;
  let closing: Promise<void> | undefined;

  async function start(): Promise<{ port: number }> {
    const stores = await openLmdbStores({ path: join(config.dataDir, 'store') });
    closers.push(() => stores.close());
    const files = new BatchFiles(join(config.dataDir, 'batches'));
    await files.start();
    const runner = new BatchRunner({
      batches: stores.batches,
      files,
      clients: config.clients,
      holder: randomUUID(),
      lifetimeDays: () => DEFAULT_LIFETIME_DAYS,
      log,
      now: Date.now,
    });
    const app = createApp({
      config,
      stores,
      files,
      batchAccepted: (client) => runner.wake(client),
      log,
      adminToken: parts.adminToken,
      metrics: { registry: metrics, collectAll: parts.collectMetrics ?? (() => metrics.metrics()) },
      isDraining: () => isDraining,
      version: parts.version,
    });
    const sweeper = new ExpirySweeper({ store: stores.profiles, log });
    sweeper.start();
    closers.push(() => sweeper.stop());
    const batchSweeper = new BatchSweeper({
      batches: stores.batches,
      files,
      clients: config.clients,
      log,
      now: Date.now,
    });
    batchSweeper.start();
    closers.push(() => batchSweeper.stop());
    runner.start();
    closers.push(() => runner.stop());
    const listener: Listener = await runtime.listen({
      host: config.host,
      port: config.port,
      tls: config.tls && {
        cert: await readFile(config.tls.certFile, 'utf8'),
        key: await readFile(config.tls.keyFile, 'utf8'),
      },
      fetch: (request, caller) => app.fetch(request, caller),
    });
    closers.push(() => listener.close());
    return { port: listener.port };
  }

  async function closeAll(): Promise<void> {
    isDraining = true;
    for (const close of closers.reverse()) await close();
  }

  return {
    metrics,
    async start() {
      try {
        return await start();
      } catch (error) {
        await closeAll();
        throw error;
      }
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}
