/**
 * One process of a server: opens the stores, assembles the parts (`parts.ts`), starts and closes
 * them. The only file that names an engine.
 *
 * Constructing is not starting: `createServer` opens nothing. `start` opens in order: the stores,
 * the links to other edge clusters, then either the background work or the port. `close` closes
 * them in reverse order and may be called twice.
 */

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AggregatorRegistry, Registry } from 'prom-client';
import { derivedKey } from './access/signing-key.ts';
import { attributeIndexUpkeep } from './admin/attribute-index-upkeep.ts';
import { Rounds } from './background.ts';
import type { BatchRunner } from './batches/batch-runner.ts';
import { batchSweeper } from './batches/batch-sweeper.ts';
import { feedUpkeep } from './changes/feed-upkeep.ts';
import { webhookRunner } from './changes/webhooks/webhook-runner.ts';
import { webhookSecrets } from './changes/webhooks/webhook-secret.ts';
import { WebhookTarget } from './changes/webhooks/webhook-target.ts';
import type { ServeConfig } from './config/config.ts';
import type { ConfigLine } from './config/config-report.ts';
import { type EdgeLinks, edgeLinks } from './edges/edge-links.ts';
import { suppressionExchange } from './edges/privacy-peers.ts';
import { QuiverError } from './errors.ts';
import { appConfig, createApp } from './http/app.ts';
import { type Traffic, trafficOf } from './http/traffic.ts';
import { HeadJournal } from './journal/head-journal.ts';
import { reportJournal, serverJournal } from './journal/server-journal.ts';
import type { Log } from './log.ts';
import { freeDiskBytes, registerStoreMetrics } from './metering/store-metrics.ts';
import { usageSweeper } from './metering/usage-sweeper.ts';
import { batchRunner, makeParts, type Parts } from './parts.ts';
import type { PrivacyRequests } from './privacy/privacy-requests.ts';
import type { Listener, Runtime } from './runtime/runtime.ts';
import { hasEmbeddedStore } from './storage/lmdb/lmdb-upkeep.ts';
import { type LmdbStoresOptions, openLmdbStores } from './storage/lmdb/open-lmdb-stores.ts';
import { StoreDamagedError } from './storage/store-damaged-error.ts';
import type { Stores } from './storage/stores.ts';

export { embeddedStoreSettings } from './storage/lmdb/lmdb-environment.ts';
export {
  type CompactedStore,
  compactEmbeddedStore,
  copyEmbeddedStore,
  type EmbeddedStoreFacts,
  hasEmbeddedStore,
  inspectEmbeddedStore,
  renewChangeFeed,
} from './storage/lmdb/lmdb-upkeep.ts';

/**
 * What a process does: `serving` answers requests; `background` applies batches and cleans up. They
 * are separate because the rows of a batch would delay requests.
 */
export type ServerRole = 'serving' | 'background';

export interface ServerParts {
  readonly config: ServeConfig;
  readonly adminToken: string;
  readonly signingKey: string;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly version: string;
  /** When the server was started, in epoch milliseconds. */
  readonly startedAt: number;
  /** The settings of {@link config} and where they came from, for administrators. */
  readonly configuration: readonly ConfigLine[];
  readonly role: ServerRole;
  /** Sends a message to every other process; see {@link QuiverServer.hear}. */
  readonly tellOthers: (news: string) => void;
  /** Called when the store accepts no writes, and again every few seconds while that lasts. */
  readonly storeStalled?: () => void;
  /** Called with a one-line reason when this process must stop using the store. */
  readonly storeLost?: (reason: string) => void;
  /** Which of the server's processes this is, from 0. */
  readonly place: number;
  /**
   * Collects the reports of every process, this one included, on a subject; by default only this
   * one's.
   */
  readonly askAll?: (about: string, query?: string) => Promise<readonly unknown[]>;
}

export interface QuiverServer {
  /** The report of this process on a subject of {@link ServerParts.askAll}; undefined for none. */
  report(about: string, query: string): unknown;
  /** Opens everything; when this returns, a serving process listens. */
  start(): Promise<void>;
  /** Receives a message from another process. */
  hear(news: string): void;
  /** Stops accepting, answers requests in progress, flushes and closes. */
  close(): Promise<void>;
}

/** The message that a batch was queued; the client code follows. */
const BATCH_ACCEPTED = 'batch accepted: ';

/** Callbacks about the store while it is open. */
export interface StoreHooks extends Pick<LmdbStoresOptions, 'onStall' | 'onLockFileGone' | 'changes'> {
  /** Receives problems of a Redis Cluster. */
  readonly log?: Log;
}

/**
 * Opens the store that the configuration names.
 *
 * @param signingKey that of the server; absent in a command that only reads the store
 * @param hooks callbacks about the store while it is open; none by default
 */
export async function openStores(
  config: ServeConfig,
  signingKey?: string,
  hooks: StoreHooks = {},
): Promise<Stores> {
  // A command that only reads the store leaves its change feed as it is.
  const { log, changes = signingKey === undefined ? undefined : config.changes, ...trouble } = hooks;
  const merges = signingKey === undefined ? undefined : config.merges;
  const { store } = config;
  if (store.kind === 'lmdb') {
    const path = join(config.dataDir, 'store');
    requireStoreThatWas(config.dataDir, path);
    const { dataDir, limits } = config;
    const stores = await openLmdbStores({ path, dataDir, limits, changes, merges, ...trouble });
    await noteStore(config.dataDir);
    return stores;
  }
  // Imported only here, because a server that keeps profiles in the data folder does not need the
  // client library.
  const { openRedisStores } = await import('./storage/redis/open-redis-stores.ts');
  const password = config.storePassword ?? store.password;
  return openRedisStores({
    seeds: store.seeds,
    connection: {
      ...(store.username === undefined ? {} : { username: store.username }),
      ...(password === undefined ? {} : { password }),
      ...(store.isEncrypted ? { tls: {} } : {}),
    },
    prefix: config.storePrefix,
    limits: config.limits,
    ...{ changes, merges },
    allowUnsafe: config.allowUnsafeStore,
    found: (flaws) => log && logFlaws(log, flaws),
    // Tokens that one process signs must be valid at every other.
    sharedKeyMark: signingKey && derivedKey(signingKey, 'mark of the store').toString('base64url'),
  });
}

function logFlaws(log: Log, flaws: readonly string[]): void {
  if (flaws.length === 0) log.info('the store meets all requirements again');
  else
    log.error({ flaws }, 'the store may lose acknowledged writes, or denies Quiver a command that it needs');
}

/** A file in the data folder that records that it has a store. */
const STORE_NOTE = 'store-was-made';

/** Whether the embedded store of a data folder is missing although it existed before. */
export function hasLostStore(dataDir: string): boolean {
  return !hasEmbeddedStore(join(dataDir, 'store')) && existsSync(join(dataDir, STORE_NOTE));
}

/**
 * Refuses a data folder whose store has disappeared; otherwise the server would start with an empty
 * store as if there had never been any profiles.
 */
function requireStoreThatWas(dataDir: string, path: string): void {
  if (!hasLostStore(dataDir)) return;
  throw new StoreDamagedError(
    `${path} had a store that is now missing; restore a backup, or remove ${join(dataDir, STORE_NOTE)} to start with an empty one`,
  );
}

async function noteStore(dataDir: string): Promise<void> {
  const note = join(dataDir, STORE_NOTE);
  if (existsSync(note)) return;
  const text = 'Quiver made a store in this folder. Without it Quiver does not start here.\n';
  await writeFile(note, text, { mode: 0o600, flush: true, flag: 'wx' }).catch(
    (error: NodeJS.ErrnoException) => {
      // Another process that starts at the same moment has written it.
      if (error.code !== 'EEXIST') throw error;
    },
  );
}

/** Makes one process of a server; it opens nothing until it is started. */
export function createServer(parts: ServerParts): QuiverServer {
  const server = new ServerProcess(parts);
  let closing: Promise<void> | undefined;
  return {
    report: (about, query) => server.report(about, query),
    hear: (news) => server.hear(news),
    async start() {
      try {
        await server.open();
      } catch (error) {
        await server.closeAll();
        throw error;
      }
    },
    close() {
      closing ??= server.closeAll();
      return closing;
    },
  };
}

/** How often a process checks for privacy requests that are waiting, in milliseconds. */
const PRIVACY_EVERY_MS = 5000;

function privacyRounds(privacy: PrivacyRequests, clients: readonly string[], log: Log) {
  const rounds = new Rounds({
    ...{ every: PRIVACY_EVERY_MS, spread: 0.5, log },
    failure: 'privacy requests could not be checked',
    round: () => privacy.goOn(clients),
  });
  return {
    start: () => rounds.start(),
    async stop() {
      await rounds.stop();
      await privacy.stop();
    },
  };
}

class ServerProcess {
  readonly #parts: ServerParts;
  readonly #metrics = new Registry();
  readonly #journal: HeadJournal | undefined;
  /** Functions that close what is open, in the order in which it was opened. */
  readonly #closers: (() => Promise<void>)[] = [];
  /** Called when the process shuts down. */
  readonly #closeListeners = new Set<() => void>();
  #isDraining = false;
  #runner: BatchRunner | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const { config, role, place } = parts;
    if (config.journal !== 0 && role === 'serving') {
      this.#journal = new HeadJournal({ keeps: config.journal, process: place, now: Date.now });
    }
  }

  async open(): Promise<void> {
    const { config, signingKey, log, role } = this.#parts;
    const stores = await this.#openStores();
    const files = stores.batchFiles;
    await files.start();
    const edges = this.#linkEdges(stores);
    const { clients, cluster, node, webhookAllow } = config;
    const parts = makeParts({
      ...{ stores, files, clients, cluster, node, edges, signingKey, webhookAllow, log },
      registry: this.#metrics,
      now: Date.now,
    });
    await parts.suppressions.requireKey();
    this.#start(parts.usage);
    if (role === 'background') this.#startBackground(parts);
    else await this.#serve(parts);
  }

  async #openStores(): Promise<Stores> {
    const { config, signingKey, log, storeStalled, storeLost } = this.#parts;
    const stores = await openStores(config, signingKey, {
      log,
      onStall(at) {
        log.error({ waitingFor: at }, 'the store takes no writes');
        storeStalled?.();
      },
      onLockFileGone: (file) =>
        storeLost?.(`${file} was deleted or replaced while the server ran; start it again`),
    });
    this.#closers.push(() => stores.close());
    return stores;
  }

  /** The links to the other edge clusters; undefined without any. */
  #linkEdges({ spentCalls }: Stores): EdgeLinks | undefined {
    const { config, log } = this.#parts;
    const { cluster, peers, edgeTimeout, edgeSecret } = config;
    if (peers.length === 0 || edgeSecret === undefined) return undefined;
    const key = derivedKey(edgeSecret, 'edge calls');
    return edgeLinks({
      ...{ cluster, peers, edgeTimeout, key, spent: spentCalls, log },
      registry: this.#metrics,
      now: Date.now,
    });
  }

  #start(part: { start(): void; stop(): Promise<void> }): void {
    part.start();
    this.#closers.push(() => part.stop());
  }

  #startBackground(parts: Parts): void {
    const { stores, files, edges, exchange, suppressions, log, now } = parts;
    const { clients, dataDir } = this.#parts.config;
    registerStoreMetrics({ stores, clients, dataDir, registry: this.#metrics, log });
    const { batches, chores } = stores;
    this.#runner = batchRunner(parts, clients);
    this.#start({ start: () => chores.start(log), stop: () => chores.stop() });
    this.#start(batchSweeper({ batches, files, clients, log, now }));
    this.#start(this.#runner);
    this.#start(usageSweeper({ usage: stores.usage, clients, log, now }));
    this.#start(attributeIndexUpkeep({ indexes: parts.attributeIndexes, clients, log }));
    this.#start(feedUpkeep({ feed: stores.changes, log, now }));
    this.#start(
      webhookRunner({
        ...{ webhooks: stores.webhooks, feed: stores.changes, clients, log, now },
        target: new WebhookTarget(this.#parts.config.webhookAllow),
        secretOf: webhookSecrets(derivedKey(this.#parts.signingKey, 'webhook secrets')),
      }),
    );
    if (exchange) this.#start(exchange.rounds());
    if (edges) this.#start(suppressionExchange({ peers: edges.peers, clients, suppressions, log }));
  }

  async #serve(parts: Parts): Promise<void> {
    this.#closers.push(() => parts.scripts.stop());
    const { config, adminToken, signingKey, version, startedAt, configuration } = this.#parts;
    const { runtime, tellOthers } = this.#parts;
    const journal = this.#journal;
    const app = createApp({
      ...parts,
      ...{ config: appConfig(config), adminToken, signingKey, version, startedAt, configuration },
      batchAccepted: (client) => tellOthers(BATCH_ACCEPTED + client),
      metrics: {
        registry: this.#metrics,
        collectAll: () => this.#collectMetrics(),
        trafficOfAll: () => this.#trafficOfAll(),
      },
      diskFree: () => freeDiskBytes(config.dataDir),
      ...(journal && {
        journalAt: '/requests',
        journalKeeps: config.journal === 'refused' ? 'refused' : 'all',
        journal: { watch: journal, source: this.#journalOfAll(parts.suppressions) },
      }),
      isDraining: () => this.#isDraining,
    });
    this.#start(privacyRounds(parts.privacy, config.clients, parts.log));
    const { host, port, tls, keepAlive } = config;
    const listener: Listener = await runtime.listen({
      ...{ host, port, keepAliveSeconds: keepAlive, answer: app.answer },
      tls: tls && {
        cert: await readFile(tls.certFile, 'utf8'),
        key: await readFile(tls.keyFile, 'utf8'),
      },
      arrived: () => parts.stores.requestArrives(),
    });
    this.#closers.push(() => listener.close());
  }

  report(about: string, query: string): unknown {
    if (about === 'metrics') return this.#metrics.getMetricsAsJSON();
    if (about === 'traffic') return trafficOf(this.#metrics);
    return about === 'journal' && this.#journal ? reportJournal(this.#journal, query) : undefined;
  }

  async #askAll(about: string, query = ''): Promise<readonly unknown[]> {
    return this.#parts.askAll?.(about, query) ?? [await this.report(about, query)];
  }

  async #collectMetrics(): Promise<string> {
    return AggregatorRegistry.aggregate((await this.#askAll('metrics')) as object[][]).metrics();
  }

  /** @throws QuiverError `unavailable` when a process does not report in time */
  async #trafficOfAll(): Promise<(Traffic | undefined)[]> {
    try {
      return (await this.#askAll('traffic')).map((one) => (one ?? undefined) as Traffic | undefined);
    } catch (cause) {
      throw new QuiverError('unavailable', 'Not every process has reported its calls; try again', { cause });
    }
  }

  #journalOfAll(suppressions: Parts['suppressions']) {
    return serverJournal({
      suppressedOf: (client) => suppressions.of(client),
      askAll: (query) => this.#askAll('journal', query),
      onClose: (listener) => {
        this.#closeListeners.add(listener);
        return () => this.#closeListeners.delete(listener);
      },
    });
  }

  hear(news: string): void {
    if (news.startsWith(BATCH_ACCEPTED)) this.#runner?.wake(news.slice(BATCH_ACCEPTED.length));
  }

  async closeAll(): Promise<void> {
    this.#isDraining = true;
    // Open streams would keep their connections open.
    for (const listener of [...this.#closeListeners]) listener();
    for (const close of this.#closers.reverse()) await close();
  }
}
