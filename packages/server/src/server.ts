/**
 * Puts the parts of one process together, starts and closes them; the only file that knows every part.
 *
 * To construct is not to start: `createServer` opens nothing. `start` opens in order (store, application, sweeper, port), `close` undoes it in
 * reverse and may be called twice.
 */

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AggregatorRegistry, Registry } from 'prom-client';
import { ClientAccess } from './access/client-access.ts';
import { derivedKey } from './access/signing-key.ts';
import { BatchRunner } from './batches/batch-runner.ts';
import { batchSweeper } from './batches/batch-sweeper.ts';
import type { ServeConfig } from './config/config.ts';
import { EdgeBatchRows } from './edges/batch-rows.ts';
import { ClientExchange } from './edges/client-exchange.ts';
import { type EdgeLinks, edgeLinks } from './edges/edge-links.ts';
import { type AppParts, createApp } from './http/app.ts';
import { HeadJournal } from './journal/head-journal.ts';
import { reportJournal, serverJournal } from './journal/server-journal.ts';
import type { Log } from './log.ts';
import { PlaceholderIds } from './metering/placeholder-ids.ts';
import { UsageMeter } from './metering/usage-meter.ts';
import { usageSweeper } from './metering/usage-sweeper.ts';
import type { Listener, Runtime } from './runtime/runtime.ts';
import { AttributeNames } from './service/attribute-names.ts';
import type { BatchFileStore } from './storage/batch-file-store.ts';
import { hasEmbeddedStore } from './storage/lmdb/lmdb-upkeep.ts';
import { type LmdbStoresOptions, openLmdbStores } from './storage/lmdb/open-lmdb-stores.ts';
import { StoreDamagedError } from './storage/store-damaged-error.ts';
import type { Stores } from './storage/stores.ts';

export { embeddedStoreSettings } from './storage/lmdb/lmdb-environment.ts';
export {
  copyEmbeddedStore,
  type EmbeddedStoreFacts,
  hasEmbeddedStore,
  inspectEmbeddedStore,
} from './storage/lmdb/lmdb-upkeep.ts';

/**
 * What a process is for: to answer requests, or what goes on without one: applying batches, cleaning up. Apart, for the rows of a batch
 * would keep requests waiting.
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
  readonly role: ServerRole;
  /** Says something that every other process hears; see {@link QuiverServer.hear}. */
  readonly tellOthers: (news: string) => void;
  /** Called when the store takes no writes, and again every few seconds as long as it does not. */
  readonly storeStalled?: () => void;
  /** Called when this process must not go on with the store, with one line that says why. */
  readonly storeLost?: (reason: string) => void;
  /** Which of the server's processes this is, from 0. */
  readonly place: number;
  /** Gives what every process, this one included, reports on a matter; this one alone by default. */
  readonly askAll?: (about: string, query?: string) => Promise<readonly unknown[]>;
}

export interface QuiverServer {
  /** What this process has to say on a matter of {@link ServerParts.askAll}; undefined for nothing. */
  report(about: string, query: string): unknown;
  /** Opens everything; when this returns a serving process listens. */
  start(): Promise<void>;
  /** Takes what another process has told. */
  hear(news: string): void;
  /** Stops accepting, answers what is in flight, flushes and closes. */
  close(): Promise<void>;
}

/** The news that a batch was queued; the client follows. */
const BATCH_ACCEPTED = 'batch accepted: ';

/** What to tell of the store while it is open. */
export interface StoreHooks extends Pick<LmdbStoresOptions, 'onStall' | 'onLockFileGone'> {
  /** Told what is amiss with a cluster. */
  readonly log?: Log;
}

/**
 * Opens the store that the configuration names.
 *
 * @param signingKey of the server; left out by a command that only looks into the store
 * @param hooks what to tell of the store while it is open; by default nobody is told
 */
export async function openStores(
  config: ServeConfig,
  signingKey?: string,
  { log, ...trouble }: StoreHooks = {},
): Promise<Stores> {
  const { store } = config;
  if (store.kind === 'lmdb') {
    const path = join(config.dataDir, 'store');
    requireStoreThatWas(config.dataDir, path);
    const stores = await openLmdbStores({ path, dataDir: config.dataDir, limits: config.limits, ...trouble });
    await noteStore(config.dataDir);
    return stores;
  }
  // Only here: who keeps profiles in the data folder has no need of the client library.
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
    allowUnsafe: config.allowUnsafeStore,
    found: (flaws) => log && logFlaws(log, flaws),
    // Tokens that one process signs must be good at every other.
    sharedKeyMark: signingKey && derivedKey(signingKey, 'mark of the store').toString('base64url'),
  });
}

function logFlaws(log: Log, flaws: readonly string[]): void {
  if (flaws.length === 0) log.info('the store has all that it must have again');
  else
    log.error({ flaws }, 'the store would lose what it acknowledges, or does not let Quiver do what it must');
}

/** Says in the data folder that it has a store. */
const STORE_NOTE = 'store-was-made';

/** Whether the embedded store of a data folder is missing, although there was one. */
export function hasLostStore(dataDir: string): boolean {
  return !hasEmbeddedStore(join(dataDir, 'store')) && existsSync(join(dataDir, STORE_NOTE));
}

/** Refuses a data folder that had a store and has none any more: it would be served as if nobody had ever come. */
function requireStoreThatWas(dataDir: string, path: string): void {
  if (!hasLostStore(dataDir)) return;
  throw new StoreDamagedError(
    `${path} had a store and has none any more; restore a backup, or remove ${join(dataDir, STORE_NOTE)} to begin with an empty one`,
  );
}

async function noteStore(dataDir: string): Promise<void> {
  const note = join(dataDir, STORE_NOTE);
  if (existsSync(note)) return;
  await writeFile(note, 'Quiver made a store in this folder. Without it Quiver does not start here.\n', {
    mode: 0o600,
    flush: true,
  });
}

export function createServer(parts: ServerParts): QuiverServer {
  const { config, log, runtime } = parts;
  const metrics = new Registry();
  const closers: (() => Promise<void>)[] = [];
  const journal =
    config.journal > 0 && parts.role === 'serving'
      ? new HeadJournal({ length: config.journal, process: parts.place, now: Date.now })
      : undefined;
  const closeListeners = new Set<() => void>();
  let isDraining = false;
  let closing: Promise<void> | undefined;

  let wakeRunner: (client: string) => void = () => {};

  async function start(): Promise<void> {
    const stores = await openStores(config, parts.signingKey, {
      log,
      onStall(at) {
        log.error({ waitingFor: at }, 'the store takes no writes');
        parts.storeStalled?.();
      },
      onLockFileGone: (file) =>
        parts.storeLost?.(`${file} was deleted or replaced while the server ran; start it again`),
    });
    closers.push(() => stores.close());
    const files = stores.batchFiles;
    await files.start();
    const edges = linkEdges(stores);
    const exchange =
      edges &&
      new ClientExchange({
        clients: config.clients,
        store: stores.clients,
        logins: stores.logins,
        peers: edges.peers,
        log,
      });
    const access = new ClientAccess({
      clients: stores.clients,
      tokenKey: derivedKey(parts.signingKey, 'profile token'),
      now: Date.now,
      changed: () => exchange?.tell(),
    });
    const usage = new UsageMeter({ usage: stores.usage, registry: metrics, log, now: Date.now });
    usage.start();
    closers.push(() => usage.stop());
    const placeholders = new PlaceholderIds({
      ...{ registry: metrics, usage, log, now: Date.now },
      rulesOf: (client) => access.rulesOf(client),
    });
    if (parts.role === 'background') startBackground(stores, files, access, placeholders, edges, exchange);
    else await serve(stores, files, access, { usage, placeholders }, edges, exchange);
  }

  /** The other edge clusters; undefined where there are none. */
  function linkEdges({ spentCalls }: Stores): EdgeLinks | undefined {
    if (config.peers.length === 0 || config.edgeSecret === undefined) return undefined;
    return edgeLinks({
      ...config,
      key: derivedKey(config.edgeSecret, 'edge calls'),
      registry: metrics,
      log,
      now: Date.now,
      spent: spentCalls,
    });
  }

  function startBackground(
    stores: Stores,
    files: BatchFileStore,
    access: ClientAccess,
    placeholders: PlaceholderIds,
    edges: EdgeLinks | undefined,
    exchange: ClientExchange | undefined,
  ): void {
    const { clients } = config;
    const { batches } = stores;
    const names = new AttributeNames(stores.attributeNames, log);
    const shared = { batches, files, clients, log, now: Date.now };
    const background = [
      batchSweeper(shared),
      new BatchRunner({
        ...shared,
        noteNames: (client, batchNames) => names.note(client, batchNames),
        holder: randomUUID(),
        rulesOf: (client) => access.rulesOf(client),
        placeholders,
        ...(edges && {
          rowsElsewhere: new EdgeBatchRows({ store: stores.profiles, peers: edges.peers, now: Date.now }),
        }),
      }),
      usageSweeper({ ...shared, usage: stores.usage }),
    ] as const;
    stores.chores.start(log);
    closers.push(() => stores.chores.stop());
    for (const part of [...background, ...(exchange ? [exchange.rounds()] : [])]) {
      part.start();
      closers.push(() => part.stop());
    }
    wakeRunner = (client) => background[1].wake(client);
  }

  async function serve(
    stores: Stores,
    files: BatchFileStore,
    access: ClientAccess,
    meters: Pick<AppParts, 'usage' | 'placeholders'>,
    edges: EdgeLinks | undefined,
    exchange: ClientExchange | undefined,
  ): Promise<void> {
    const app = createApp({
      config,
      stores,
      files,
      batchAccepted: (client) => parts.tellOthers(BATCH_ACCEPTED + client),
      log,
      adminToken: parts.adminToken,
      access,
      signingKey: parts.signingKey,
      ...meters,
      edges,
      exchange,
      attributeNames: new AttributeNames(stores.attributeNames, log),
      metrics: { registry: metrics, collectAll },
      ...(journal && { journalAt: '/requests', journal: { watch: journal, source: journalOfAll() } }),
      isDraining: () => isDraining,
      version: parts.version,
      startedAt: parts.startedAt,
    });
    const listener: Listener = await runtime.listen({
      host: config.host,
      port: config.port,
      tls: config.tls && {
        cert: await readFile(config.tls.certFile, 'utf8'),
        key: await readFile(config.tls.keyFile, 'utf8'),
      },
      keepAliveSeconds: config.keepAlive,
      arrived: () => stores.requestArrives(),
      answer: app.answer,
    });
    closers.push(() => listener.close());
  }

  function report(about: string, query: string): unknown {
    if (about === 'metrics') return metrics.getMetricsAsJSON();
    return about === 'journal' && journal ? reportJournal(journal, query) : undefined;
  }

  const askAll = parts.askAll ?? (async (about: string, query = '') => [await report(about, query)]);

  async function collectAll(): Promise<string> {
    return AggregatorRegistry.aggregate((await askAll('metrics')) as object[][]).metrics();
  }

  function journalOfAll() {
    return serverJournal({
      askAll: (query) => askAll('journal', query),
      onClose(listener) {
        closeListeners.add(listener);
        return () => closeListeners.delete(listener);
      },
    });
  }

  async function closeAll(): Promise<void> {
    isDraining = true;
    // Streams would keep their connections open.
    for (const listener of [...closeListeners]) listener();
    for (const close of closers.reverse()) await close();
  }

  return {
    report,
    hear(news) {
      if (news.startsWith(BATCH_ACCEPTED)) wakeRunner(news.slice(BATCH_ACCEPTED.length));
    },
    async start() {
      try {
        await start();
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
