/**
 * The routes of the journal: `/sandbox/requests…` of a sandbox, `/requests…` of a server (contract
 * sections 11 and 13).
 */

import { QuiverError } from '../errors.ts';
import type { Call } from '../wire/call.ts';
import { emptyReply, jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import {
  ClientOfQuery,
  clientOf,
  numberOf,
  parameter,
  serverAdminRoute,
} from '../wire/server-admin-route.ts';
import { harOf } from './har.ts';
import type { CallFilter, JournalCall, RouteName } from './journal-call.ts';
import { ROUTE_NAMES } from './route-names.ts';

const MAX_LISTED = 1000;

/** The journal that the routes read. */
export interface JournalSource {
  /** The calls that match a filter, oldest first. */
  calls(filter: CallFilter): Promise<readonly JournalCall[]>;
  /**
   * Reports every call of one client, or of all, from now on.
   *
   * @param ended called when no more calls will be reported
   * @returns a function that stops the reports
   */
  listen(
    client: string | undefined,
    tell: (call: JournalCall) => void,
    ended: () => void,
  ): Promise<() => void>;
  /** Deletes the calls of one client, or of all. */
  clear(client: string | undefined): Promise<void>;
}

export interface JournalRoutesOptions {
  readonly source: JournalSource;
  /** The path of the list; all other paths begin with it. */
  readonly base: string;
  /** The heading under which the API description lists them. */
  readonly tag: string;
  readonly version: string;
}

export function journalRoutes({ source, base, tag, version }: JournalRoutesOptions): Route[] {
  const route = serverAdminRoute(tag);
  const query = ClientOfQuery.extend({
    route: z.enum(ROUTE_NAMES).optional(),
    id: z.string().optional().openapi({ description: 'Only calls that named this id.' }),
    status: z.string().optional(),
    since: z.string().optional().openapi({ description: 'Only calls with a higher number.' }),
    limit: z
      .string()
      .optional()
      .openapi({ description: 'How many of the newest calls to return; 1,000 by default.' }),
    format: z.enum(['json', 'har']).optional(),
  });
  const newest = (calls: readonly JournalCall[], call: Call) =>
    calls.slice(-(numberOf(call, 'limit', 1, MAX_LISTED) ?? MAX_LISTED));
  return [
    {
      ...route('GET', base, 'The journal: the last calls, oldest first', { query }),
      async handle(call) {
        const format = parameter(call, 'format') ?? 'json';
        if (format !== 'json' && format !== 'har')
          throw new QuiverError('bad-request', 'format: must be json or har');
        const calls = newest(await source.calls(filterOf(call)), call);
        return jsonReply(format === 'har' ? harOf(calls, version) : { requests: calls });
      },
    },
    {
      ...route('GET', `${base}/count`, 'How many calls match the filter', { query }),
      handle: async (call) => jsonReply({ count: (await source.calls(filterOf(call))).length }),
    },
    {
      ...route('GET', `${base}/unmatched`, 'Calls that were refused or found nothing, with the reason', {
        query,
      }),
      async handle(call) {
        const calls = await source.calls(filterOf(call));
        return jsonReply({
          requests: newest(
            calls.filter(({ reason }) => reason !== undefined),
            call,
          ),
        });
      },
    },
    {
      ...route('GET', `${base}/stream`, 'Every call from now on, as server-sent events', {
        query: ClientOfQuery,
      }),
      handle: async (call) => new Reply(await streamOf(source, clientOf(call)), 200, STREAM_HEADERS),
    },
    {
      ...route('DELETE', base, 'Empty the journal', { query: ClientOfQuery }),
      async handle(call) {
        await source.clear(clientOf(call));
        return emptyReply();
      },
    },
  ];
}

const STREAM_HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
/** A reader with this many unread events is disconnected. */
const MAX_WAITING_EVENTS = 1000;

/** The calls of a client, or of all, as events. */
async function streamOf(
  source: JournalSource,
  client: string | undefined,
): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isOver = false;
  const over = (close: (() => void) | undefined) => {
    if (isOver) return;
    isOver = true;
    stop();
    close?.();
  };
  const tell = (call: JournalCall) => {
    if ((controller?.desiredSize ?? 0) < -MAX_WAITING_EVENTS) {
      over(() => controller?.error(new Error('the reader does not keep up')));
    } else if (!isOver) {
      controller?.enqueue(encoder.encode(`id: ${call.id}\nevent: call\ndata: ${JSON.stringify(call)}\n\n`));
    }
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
        controller.enqueue(encoder.encode(': the journal\n\n'));
      },
      cancel: () => over(undefined),
    },
    { highWaterMark: 1 },
  );
  const stop = await source.listen(client, tell, () => over(() => controller?.close()));
  return stream;
}

function filterOf(call: Call): CallFilter {
  const name = parameter(call, 'route');
  if (name !== undefined && !(ROUTE_NAMES as readonly string[]).includes(name)) {
    throw new QuiverError('bad-request', `route: must be one of ${ROUTE_NAMES.join(', ')}`);
  }
  return {
    route: name as RouteName | undefined,
    client: clientOf(call),
    id: parameter(call, 'id'),
    status: numberOf(call, 'status', 100, 599),
    since: numberOf(call, 'since', 0, 1e12),
  };
}
