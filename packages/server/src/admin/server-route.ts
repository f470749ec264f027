/** Describes a server and how much it stores, for the console. */

import type { ServeConfig } from '../config/config.ts';
import { STORE_KINDS } from '../config/store-location.ts';
import type { Stores } from '../storage/stores.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';

export interface ServerFacts {
  readonly version: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** The path of its journal of calls; absent when it keeps none. */
  readonly journalAt?: '/requests' | '/sandbox/requests';
  /** Which calls it keeps; `all` by default. */
  readonly journalKeeps?: 'all' | 'refused';
  readonly config: Pick<ServeConfig, 'cluster' | 'locationHint' | 'serverDomain' | 'workers' | 'clients'> & {
    readonly store: Pick<ServeConfig['store'], 'kind'>;
  };
}

export const ServerReply = z
  .object({
    version: z.string(),
    startedAt: z.string(),
    cluster: z.int(),
    locationHint: z.enum(['none', 'cluster', 'adobe']),
    serverDomain: z
      .string()
      .openapi({ description: 'The part after the client code in a host name that names a client.' }),
    store: z.object({ kind: z.enum(STORE_KINDS), profiles: z.int(), bytes: z.int() }).openapi({
      description: 'Profiles of all clients, including expired ones that have not been removed yet.',
    }),
    workers: z.int(),
    clients: z.array(z.string()),
    requests: z
      .enum(['/requests', '/sandbox/requests'])
      .nullable()
      .openapi({ description: 'The path of the journal of calls; null when none is kept.' }),
    requestsKept: z
      .enum(['all', 'refused'])
      .nullable()
      .openapi({ description: 'Which calls the journal keeps; null when there is none.' }),
    sandbox: z.boolean().openapi({ description: 'Whether this is a sandbox, for tests.' }),
  })
  .openapi('Server', {
    example: {
      version: '0.1.0',
      startedAt: '2026-08-18T17:53:39.003Z',
      cluster: 1,
      locationHint: 'none',
      serverDomain: 'tt.omtrdc.net',
      store: { kind: 'lmdb', profiles: 4711, bytes: 10_485_760 },
      workers: 2,
      clients: ['demo'],
      requests: '/requests',
      requestsKept: 'refused',
      sandbox: false,
    },
  });

export function serverRoute(stores: Pick<Stores, 'figures'>, facts: ServerFacts): Route {
  return {
    ...ADMIN_ROUTE,
    method: 'GET',
    path: '/{client}/target/server',
    describe: {
      tags: ['Running it'],
      summary: 'The server: version, cluster, store, clients',
      security: [{ bearer: [] }],
      request: { params: ClientParam },
      responses: {
        200: { description: 'The server', content: { 'application/json': { schema: ServerReply } } },
        401: AdminRefusal('Not the admin'),
      },
    },
    handle: async () => jsonReply(await serverView(stores, facts)),
  };
}

/** The server as the route describes it. */
export async function serverView(
  stores: Pick<Stores, 'figures'>,
  facts: ServerFacts,
): Promise<z.output<typeof ServerReply>> {
  const { cluster, locationHint, serverDomain, store, workers, clients } = facts.config;
  return {
    version: facts.version,
    startedAt: timeText(facts.startedAt),
    cluster,
    locationHint,
    serverDomain,
    store: { kind: store.kind, ...(await stores.figures()) },
    workers,
    clients: [...clients],
    requests: facts.journalAt ?? null,
    requestsKept: facts.journalAt ? (facts.journalKeeps ?? 'all') : null,
    sandbox: facts.journalAt === '/sandbox/requests',
  };
}
