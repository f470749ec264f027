/**
 * The app in this process, over the real embedded store in a temporary folder unless a test opens
 * another one, without sockets.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { ServeConfig } from '../src/config/config.ts';
import { DEFAULT_LIMITS } from '../src/domain/profile-limits.ts';
import { type App, type AppParts, appConfig, createApp } from '../src/http/app.ts';
import { batchRunner, makeParts, type Parts } from '../src/parts.ts';
import { BatchFiles } from '../src/storage/files/batch-files.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import type { ProfileStore } from '../src/storage/profile-store.ts';
import type { Stores } from '../src/storage/stores.ts';
import type { Caller } from '../src/wire/request.ts';

/** The result of JSON.parse, which a test reads without a type. */
// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of each member
export type Json = any;

export const ADMIN_TOKEN = 'test-admin-token';
export const SIGNING_KEY = 'a-signing-key-of-at-least-32-characters';

export const CONFIG: ServeConfig = {
  host: '127.0.0.1',
  port: 0,
  dataDir: '/nowhere',
  store: { kind: 'lmdb' },
  storePrefix: 'quiver',
  allowUnsafeStore: false,
  clients: ['demo', 'acme'],
  serverDomain: 'tt.omtrdc.net',
  allowedHosts: [],
  cluster: 1,
  node: 0,
  locationHint: 'none',
  trustedProxies: [],
  tls: undefined,
  tlsDev: false,
  corsOrigins: [],
  peers: [],
  edgeTimeout: 300,
  edgeSecret: undefined,
  workers: 1,
  keepAlive: 30,
  journal: 0,
  limits: DEFAULT_LIMITS,
  webhookAllow: ['127.0.0.0/8'],
  merges: 30 * 86_400_000,
  backups: 'off',
  changes: { age: 7 * 86_400_000, bytes: 512 * 1024 ** 2 },
  logLevel: 'silent',
  adminToken: undefined,
  signingKey: undefined,
  storePassword: undefined,
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text as JSON. */
  readonly json: Json;
}

export interface AskOptions {
  readonly headers?: Record<string, string>;
  /** A string or bytes are sent as they are, a stream in chunks, anything else as JSON. */
  readonly body?: unknown;
}

export interface InProcess {
  readonly app: App;
  readonly stores: Stores;
  readonly store: ProfileStore;
  readonly privacy: Parts['privacy'];
  /** The acknowledged writes that changed something, in order: `update`, `visit`, … */
  readonly changes: string[];
  /** The lines that were logged. */
  readonly logged: Json[];
  draining: boolean;
  ask(method: string, target: string, options?: AskOptions): Promise<Answer>;
  /** A visit that must succeed; returns the tntId. */
  visit(id: object, profileParameters?: object): Promise<string>;
  /** Names and values of a profile without `firstSessionStart`; undefined when there is none. */
  attributes(path: string): Promise<[string, string][] | undefined>;
  close(): Promise<void>;
}

export async function openInProcess(
  overrides: Partial<ServeConfig> = {},
  now?: () => number,
  openStores?: () => Promise<Stores>,
): Promise<InProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-app-'));
  const openEmbedded = () =>
    openLmdbStores({
      path: folder,
      limits: overrides.limits,
      changes: overrides.changes ?? CONFIG.changes,
      merges: overrides.merges ?? CONFIG.merges,
    });
  const engine = await (openStores ?? openEmbedded)();
  const files = new BatchFiles(join(folder, 'batches'));
  await files.start();
  const registry = new Registry();
  const logged: Json[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const changes: string[] = [];
  const store = withJournal(engine.profiles, changes);
  const config = { ...CONFIG, ...overrides };
  const { clients, cluster, node, webhookAllow } = config;
  const made = makeParts({
    ...{ files, clients, cluster, node, webhookAllow, registry, log, signingKey: SIGNING_KEY },
    stores: { ...engine, profiles: store },
    now: now ?? Date.now,
  });
  const runner = batchRunner(made, clients);
  runner.start();
  const parts: AppParts = {
    ...made,
    config: appConfig(config),
    batchAccepted: (client: string) => runner.wake(client),
    adminToken: ADMIN_TOKEN,
    signingKey: SIGNING_KEY,
    startedAt: made.now(),
    metrics: { registry, collectAll: () => registry.metrics() },
    isDraining: () => opened.draining,
    version: '0.0.0-test',
  };
  const app = createApp(parts);

  async function ask(
    method: string,
    target: string,
    { headers = {}, body }: AskOptions = {},
  ): Promise<Answer> {
    const raw =
      body === undefined ||
      typeof body === 'string' ||
      body instanceof Uint8Array ||
      body instanceof ReadableStream;
    const request = new Request(`http://in-process${target}`, {
      method,
      headers: { host: '127.0.0.1:8680', ...headers },
      ...(body === undefined
        ? {}
        : { body: raw ? (body as string | Uint8Array<ArrayBuffer> | ReadableStream) : JSON.stringify(body) }),
      ...(body instanceof ReadableStream && { duplex: 'half' }),
    } as RequestInit);
    const response = await fetchOf(app, request);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      get json() {
        return JSON.parse(text);
      },
    };
  }

  const opened: InProcess = {
    app,
    stores: parts.stores,
    store,
    privacy: made.privacy,
    changes,
    logged,
    draining: false,
    ask,
    async visit(id, profileParameters = {}) {
      const body = { id, context: { channel: 'web' }, execute: { pageLoad: { profileParameters } } };
      const answer = await ask('POST', '/rest/v1/delivery?sessionId=s1', { body });
      if (answer.status !== 200) throw new Error(answer.text);
      return answer.json.id.tntId;
    },
    async attributes(path) {
      const answer = await ask('GET', `/rest/v1/profiles/${path}`);
      if (answer.status === 404) return undefined;
      return Object.entries<{ value: string }>(answer.json.profileAttributes)
        .map(([name, { value }]): [string, string] => [name, value])
        .filter(([name]) => name !== 'firstSessionStart');
    },
    async close() {
      await made.scripts.stop();
      await runner.stop();
      await made.privacy.stop();
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return opened;
}

/** Records every write that changed something. */
function withJournal(store: ProfileStore, changes: string[]): ProfileStore {
  const note = <Outcome>(method: string, outcome: Outcome, changed: boolean): Outcome => {
    if (changed) changes.push(method);
    return outcome;
  };
  return new Proxy(store, {
    get(target, method: keyof ProfileStore) {
      return async (...args: unknown[]) => {
        const outcome: Json = await (target[method] as (...args: unknown[]) => Promise<unknown>)(...args);
        const changed =
          (method === 'update' && (outcome === 'updated' || outcome === 'created')) ||
          ((method === 'visit' || method === 'visitFrom') && outcome?.outcome === 'visited') ||
          (method === 'remove' && outcome === true) ||
          (method === 'removeAttribute' && outcome === 'removed');
        return note(method, outcome, changed);
      };
    },
  });
}

/** The update's XML. */
export function updateXml(success: boolean, message: string): string {
  return `<response><success>${success}</success><pcId></pcId><message>${message}</message></response>`;
}

/** The reply that a client would get, without a connection. */
export async function fetchOf(app: App, request: Request, caller?: Caller): Promise<Response> {
  const { body, status, headers } = await app.answer(request, caller);
  return new Response(request.method === 'HEAD' ? null : body, { status, headers: headers.values });
}
