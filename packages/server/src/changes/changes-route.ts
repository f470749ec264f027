/** `GET /{client}/target/changes` (contract section 18). */

import { CHANGE_TYPES, type ChangeType } from '../domain/change.ts';
import { badRequest } from '../errors.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { givenValue, type Parameter, wholeNumber } from '../wire/parameters.ts';
import { jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { type ChangeQuery, ChangeReader, type ChangeReaderParts } from './change-reader.ts';
import { changeStream } from './change-stream.ts';
import { ChangeView } from './change-view.ts';

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;
const MAX_WAIT_SECONDS = 60;
const EVENT_STREAM = 'text/event-stream';
/** An example event for `/openapi.json`. */
const EVENT = `id: 9f2c41d07ab3-4711
event: removed
data: {"cursor":"9f2c41d07ab3-4711","type":"removed","at":"2026-08-18T17:53:39.003Z","channel":"removal","profile":{"kind":"tntId","id":"a1"}}

`;
const STREAM_HEADERS = { 'content-type': EVENT_STREAM, 'cache-control': 'no-store' };

const Query = z.object({
  after: z.string().optional().openapi({
    description: 'A cursor, or `now` for future changes; by default the oldest change that is kept.',
    example: '9f2c41d07ab3-4711',
  }),
  limit: z
    .string()
    .optional()
    .openapi({ description: `1 to ${MAX_LIMIT}; ${DEFAULT_LIMIT} by default.` }),
  types: z
    .string()
    .optional()
    .openapi({ description: `Some of ${CHANGE_TYPES.join(', ')}, with commas; all by default.` }),
  wait: z
    .string()
    .optional()
    .openapi({
      description: `Up to how many seconds an empty page waits for a change, 0 to ${MAX_WAIT_SECONDS}; 0 by default.`,
    }),
  include: z.enum(['profile']).optional().openapi({
    description: 'With `profile` each change has the `state` of the profile as it is when the feed is read.',
  }),
});

const Page = z
  .object({ changes: z.array(ChangeView), next: z.string(), more: z.boolean() })
  .openapi('ChangePage', {
    example: {
      changes: [
        {
          cursor: '9f2c41d07ab3-4711',
          type: 'updated',
          at: '2026-08-18T17:53:39.003Z',
          channel: 'visit',
          profile: { kind: 'thirdPartyId', id: 'crm-4711' },
          attributes: ['country'],
        },
      ],
      next: '9f2c41d07ab3-4711',
      more: false,
    },
  });

export function changesRoute(parts: ChangeReaderParts): Route {
  const reader = new ChangeReader(parts);
  return {
    ...ADMIN_ROUTE,
    method: 'GET',
    path: '/{client}/target/changes',
    describe: {
      tags: ['Change feed'],
      summary: 'The changes of profiles, in order',
      description:
        'With `Accept: text/event-stream` the changes come as server-sent events; `Last-Event-ID` counts as `after`.',
      security: [{ bearer: [] }],
      request: { params: ClientParam, query: Query },
      responses: {
        200: {
          description: 'A page of the feed, or its events',
          content: {
            'application/json': { schema: Page },
            [EVENT_STREAM]: { schema: z.string(), example: EVENT },
          },
        },
        400: AdminRefusal('A bad parameter'),
        401: AdminRefusal('Not the admin'),
        404: AdminRefusal('No feed is kept'),
        410: AdminRefusal('Changes after the cursor are no longer kept'),
      },
    },
    async handle({ client, query, request }) {
      const wanted = queryOf(query);
      const isStream = (request.headers.get('accept') ?? '').includes(EVENT_STREAM);
      const last = isStream ? request.headers.get('last-event-id') : null;
      const after = await reader.start(last ?? givenValue(query, 'after'));
      if (isStream) {
        const first = await reader.read(client, after, wanted);
        return new Reply(changeStream(reader, client, first, wanted), 200, STREAM_HEADERS);
      }
      const until =
        performance.now() + 1000 * (wholeNumber(givenValue(query, 'wait'), 'wait', 0, MAX_WAIT_SECONDS) ?? 0);
      return jsonReply(await reader.readOrWait(client, after, wanted, until));
    },
  };
}

function queryOf(query: readonly Parameter[]): ChangeQuery {
  const include = givenValue(query, 'include');
  if (include !== undefined && include !== 'profile') throw badRequest('include: must be profile');
  return {
    limit: wholeNumber(givenValue(query, 'limit'), 'limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT,
    types: typesOf(givenValue(query, 'types')),
    includesProfile: include === 'profile',
  };
}

function typesOf(text: string | undefined): ReadonlySet<ChangeType> | undefined {
  if (text === undefined) return undefined;
  return new Set(
    text.split(',').map((name) => {
      const type = CHANGE_TYPES.find((one) => one === name.trim());
      if (!type) throw badRequest(`types: must be some of ${CHANGE_TYPES.join(', ')}`);
      return type;
    }),
  );
}
