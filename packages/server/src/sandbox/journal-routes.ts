/** `/sandbox/requests…`: the journal over HTTP (contract section 13). */

import { z } from '@hono/zod-openapi';
import { QuiverError } from '../errors.ts';
import { emptyReply, jsonReply, Reply } from '../wire/replies.ts';
import type { Call, Route } from '../wire/route.ts';
import { harOf } from './har.ts';
import type { CallFilter, JournalCall } from './public-types.ts';
import { ROUTE_NAMES } from './route-names.ts';
import type { Sandbox } from './sandbox.ts';
import { ClientQuery, clientOf, numberOf, parameter, route } from './sandbox-route.ts';

const MAX_LISTED = 1000;

export function journalRoutes(sandbox: Sandbox): Route[] {
  const query = ClientQuery.extend({
    route: z.enum(ROUTE_NAMES).optional(),
    id: z.string().optional().openapi({ description: 'Calls that named this id.' }),
    status: z.string().optional(),
    since: z.string().optional().openapi({ description: 'Calls with a higher number.' }),
    limit: z.string().optional().openapi({ description: 'The newest so many; 1,000 by default.' }),
    format: z.enum(['json', 'har']).optional(),
  });
  const newest = (calls: readonly JournalCall[], call: Call) =>
    calls.slice(-(numberOf(call, 'limit', 1, MAX_LISTED) ?? MAX_LISTED));
  return [
    {
      ...route('GET', '/sandbox/requests', 'The journal: the last calls, oldest first', { query }),
      async handle(call) {
        const format = parameter(call, 'format') ?? 'json';
        if (format !== 'json' && format !== 'har')
          throw new QuiverError('bad-request', 'format: must be json or har');
        const calls = newest(await sandbox.calls(filterOf(call)), call);
        return jsonReply(format === 'har' ? harOf(calls) : { requests: calls });
      },
    },
    {
      ...route('GET', '/sandbox/requests/count', 'How many calls the filter lets through', { query }),
      handle: async (call) => jsonReply({ count: (await sandbox.calls(filterOf(call))).length }),
    },
    {
      ...route(
        'GET',
        '/sandbox/requests/unmatched',
        'Calls that were refused or found nothing, with the reason',
        {
          query,
        },
      ),
      async handle(call) {
        const calls = await sandbox.calls(filterOf(call));
        return jsonReply({
          requests: newest(
            calls.filter(({ reason }) => reason !== undefined),
            call,
          ),
        });
      },
    },
    {
      ...route('GET', '/sandbox/requests/stream', 'Every call from now on, as server-sent events', {
        query: ClientQuery,
      }),
      handle: async (call) => new Reply(await streamOf(sandbox, clientOf(call)), 200, STREAM_HEADERS),
    },
    {
      ...route('DELETE', '/sandbox/requests', 'Empty the journal', { query: ClientQuery }),
      async handle(call) {
        const client = clientOf(call);
        for (const world of await sandbox.worlds(client)) world.journal.clear();
        if (client === undefined) sandbox.strays.clear();
        return emptyReply();
      },
    },
  ];
}

const STREAM_HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
/** A reader that does not keep up with this many events is left behind. */
const MAX_WAITING_EVENTS = 1000;

/** The calls of a client, or of all that are there when it begins, as events. */
async function streamOf(sandbox: Sandbox, client: string | undefined): Promise<ReadableStream<Uint8Array>> {
  const worlds = await sandbox.worlds(client);
  const encoder = new TextEncoder();
  let ends: (() => void)[] = [];
  const end = () => {
    for (const stop of ends) stop();
    ends = [];
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(': the journal\n\n'));
        const tell = (call: JournalCall) => {
          if ((controller.desiredSize ?? 0) < -MAX_WAITING_EVENTS) {
            end();
            controller.error(new Error('the reader does not keep up'));
          } else
            controller.enqueue(
              encoder.encode(`id: ${call.id}\nevent: call\ndata: ${JSON.stringify(call)}\n\n`),
            );
        };
        const journals = [
          ...worlds.map(({ journal }) => journal),
          ...(client === undefined ? [sandbox.strays] : []),
        ];
        ends = [
          ...journals.map((journal) => journal.listen(tell)),
          sandbox.onClose(() => {
            end();
            controller.close();
          }),
        ];
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  );
}

function filterOf(call: Call): CallFilter {
  const name = parameter(call, 'route');
  if (name !== undefined && !(ROUTE_NAMES as readonly string[]).includes(name)) {
    throw new QuiverError('bad-request', `route: must be one of ${ROUTE_NAMES.join(', ')}`);
  }
  return {
    route: name,
    client: clientOf(call),
    id: parameter(call, 'id'),
    status: numberOf(call, 'status', 100, 599),
    since: numberOf(call, 'since', 0, 1e12),
  };
}
