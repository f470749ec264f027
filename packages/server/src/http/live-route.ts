/** `GET /{client}/target/live`: what a server does at the moment (contract section 11). */

import type { Registry } from 'prom-client';
import { type ServerFacts, ServerReply, serverView } from '../admin/server-route.ts';
import { BatchReply, batchesOfNote } from '../batches/batch-admin-routes.ts';
import type { JournalCall } from '../journal/journal-call.ts';
import type { JournalSource } from '../journal/journal-routes.ts';
import type { Log } from '../log.ts';
import { recentUsage, UsageReply } from '../metering/usage-routes.ts';
import type { Stores } from '../storage/stores.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { callsToShow, type LiveParts, liveStream } from './live-stream.ts';
import { sumOfTraffic, type Traffic, TrafficSchema, trafficOf } from './traffic.ts';

const EVENT_STREAM = 'text/event-stream';
/** Of the batches that neither wait nor run. */
const LATEST_BATCHES = 5;
/** A proxy that collects the events would delay them (`X-Accel-Buffering` is that of nginx). */
const STREAM_HEADERS = {
  'content-type': EVENT_STREAM,
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
};
const TRAFFIC = {
  calls: 4711,
  refused: 12,
  latency: [
    { seconds: 0.0005, calls: 4000 },
    { seconds: null, calls: 4711 },
  ],
};
const AT = '2026-08-18T17:53:39.003Z';
/** An example event for `/openapi.json`. */
const EVENT = `event: live\ndata: ${JSON.stringify({ at: AT, traffic: TRAFFIC })}\n\n`;

export const LiveReply = z
  .object({
    at: z.string(),
    traffic: TrafficSchema.openapi({
      description:
        'The calls of all clients since the processes of the server started, without those of its administrators.',
    }),
    server: ServerReply,
    diskFree: z
      .int()
      .nullable()
      .openapi({ description: 'Free bytes on the disk of the data folder; null in a sandbox.' }),
    batches: z.array(BatchReply).openapi({
      description: `The batches that wait or run, and the last ${LATEST_BATCHES} others.`,
    }),
    usage: UsageReply.shape.days.openapi({ description: 'The last 30 days.' }),
    requests: z
      .array(z.custom<JournalCall>().openapi({ type: 'object' }))
      .nullable()
      .openapi({
        description:
          'The latest refused calls of the journal and the latest others, oldest first; null when no journal is kept.',
      }),
  })
  .openapi('Live', {
    example: {
      at: AT,
      traffic: TRAFFIC,
      server: {
        version: '0.1.0',
        startedAt: AT,
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
      diskFree: 20_000_000_000,
      batches: [],
      usage: [],
      requests: [],
    },
  });

/** The parts that the route reads; see `AppParts`. */
export interface LiveRouteParts extends ServerFacts {
  readonly stores: Pick<Stores, 'figures' | 'batches' | 'usage'>;
  readonly metrics: {
    readonly registry: Registry;
    trafficOfAll?(): Promise<readonly (Traffic | undefined)[]>;
  };
  readonly usage: { flush(): Promise<void> };
  readonly calls?: JournalSource;
  readonly journal?: { readonly source: JournalSource };
  readonly diskFree?: () => Promise<number>;
  readonly isDraining: () => boolean;
  readonly now: () => number;
  readonly log: Log;
}

/** @param admits the guard of administrators, asked again while a stream is open */
export function liveRoute(parts: LiveRouteParts, admits: LiveParts['admits']): Route {
  const live = livePartsOf(parts, admits);
  return {
    ...ADMIN_ROUTE,
    method: 'GET',
    path: '/{client}/target/live',
    describe: {
      tags: ['Running it'],
      summary: 'What the server does now: calls, batches, usage, disk and store',
      description:
        'With `Accept: text/event-stream` it comes as server-sent events: the first events have every member, later ones those that have changed.',
      security: [{ bearer: [] }],
      request: { params: ClientParam },
      responses: {
        200: {
          description: 'The live view, or its events',
          content: {
            'application/json': { schema: LiveReply },
            [EVENT_STREAM]: { schema: z.string(), example: EVENT },
          },
        },
        401: AdminRefusal('Not the admin'),
      },
    },
    async handle(call) {
      const accepted = call.request.headers.get('accept') ?? '';
      if (accepted.includes(EVENT_STREAM)) return new Reply(liveStream(live, call), 200, STREAM_HEADERS);
      const { client } = call;
      const [traffic, server, diskFree, batches, usage, calls] = await Promise.all([
        live.traffic(),
        live.server(),
        live.diskFree(),
        live.batches(client),
        live.usage(client),
        live.calls?.calls({ client }),
      ]);
      const requests = calls ? callsToShow(calls) : null;
      return jsonReply({
        at: new Date().toISOString(),
        ...{ traffic, server, diskFree, batches, usage, requests },
      });
    },
  };
}

function livePartsOf(parts: LiveRouteParts, admits: LiveParts['admits']): LiveParts {
  const { stores, metrics, usage, log, isDraining, now } = parts;
  const ownTraffic = async () => [await trafficOf(metrics.registry)];
  const trafficOfAll = metrics.trafficOfAll ?? ownTraffic;
  return {
    ...{ log, isDraining, admits, calls: parts.calls ?? parts.journal?.source },
    traffic: async () => sumOfTraffic((await trafficOfAll()).filter((one) => one !== undefined)),
    server: () => serverView(stores, parts),
    diskFree: async () => (await parts.diskFree?.()) ?? null,
    batches: (client) => batchesOfNote(stores.batches, client, LATEST_BATCHES),
    async usage(client) {
      await usage.flush();
      return recentUsage(stores.usage, client, now());
    },
  };
}
