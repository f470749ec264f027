/** The merge trail over HTTP (contract section 20). */

import { listAttributes } from '../domain/attributes.ts';
import type { MergeRecord } from '../domain/unmerge.ts';
import { type VisitorId, visitorIdOf } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { MergeService } from '../service/merge-service.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import type { Call } from '../wire/call.ts';
import { KIND_NAMES, kindName } from '../wire/kind-names.ts';
import { ONE_ID, oneIdOf } from '../wire/one-id.ts';
import { lastValue } from '../wire/parameters.ts';
import { jsonReply, type Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';

/** How many merges are shown, newest first. */
const SHOWN = 100;
const PATH = '/{client}/target/merges';

export function mergeRoutes(merges: MergeService): Route[] {
  function kept(): MergeService {
    if (merges.isOn) return merges;
    throw new QuiverError('not-found', 'No merges are recorded: --merges is off');
  }

  async function list({ client, query }: Call): Promise<Reply> {
    const id = visitorIdOf(oneIdOf(query));
    const { records, unreachable } = await kept().list(client, id, SHOWN);
    return jsonReply({ merges: records.map(viewOf), unreachable });
  }

  async function unmerge(call: Call): Promise<Reply> {
    const { client, query } = call;
    const preview = lastValue(query, 'preview') ?? '';
    if (!['', 'true', 'false'].includes(preview)) {
      throw new QuiverError('bad-request', 'preview: must be true or false');
    }
    const id = call.param('id');
    const isPreview = preview === 'true';
    const done = await kept().unmerge(client, id, isPreview);
    if (done.outcome === 'not-found') {
      throw new QuiverError('not-found', `No merge found for client ${client} with id=${id}`);
    }
    if (done.outcome === 'refused') {
      throw new QuiverError('conflict', `The merge cannot be undone: ${done.reason}; nothing was changed`);
    }
    const { record, removed } = done;
    return jsonReply({
      ...{ id, preview: isPreview, into: idView(record.into) },
      ids: record.ids.map(idView),
      attributes: record.profile ? listAttributes(record.profile.attributes).map(({ name }) => name) : [],
      removed,
    });
  }

  return [
    { ...ADMIN_ROUTE, method: 'GET', path: PATH, describe: DESCRIBE_LIST, handle: list },
    {
      ...ADMIN_ROUTE,
      method: 'POST',
      path: `${PATH}/{id}/unmerge`,
      describe: DESCRIBE_UNMERGE,
      handle: unmerge,
    },
  ];
}

function idView({ kind, value }: VisitorId) {
  return { kind: kindName(kind), id: value };
}

function viewOf({ id, at, into, ids, profile, overruled, undoneAt }: MergeRecord) {
  return {
    id,
    at: timeText(at),
    into: idView(into),
    from: ids.map(({ since, ...one }) => ({ ...idView(one), since: timeText(since) })),
    attributes:
      profile &&
      listAttributes(profile.attributes).map(({ name, value, modifiedAt }) => ({
        ...{ name, value },
        modifiedAt: timeText(modifiedAt),
      })),
    overruled,
    undoneAt: undoneAt === undefined ? undefined : timeText(undoneAt),
  };
}

const Id = z.object({ kind: z.enum(KIND_NAMES), id: z.string() });
const MERGE_ID = '0mifj3k5c5d1f0a9b7c2e';
export const MergeList = z
  .object({
    merges: z.array(
      z.object({
        id: z.string(),
        at: z.string(),
        into: Id,
        from: z.array(Id.extend({ since: z.string() })),
        attributes: z
          .array(z.object({ name: z.string(), value: z.string(), modifiedAt: z.string() }))
          .optional(),
        overruled: z.array(z.string()),
        undoneAt: z.string().optional(),
      }),
    ),
    /** Edge clusters that could not be asked. */
    unreachable: z.array(z.int()),
  })
  .openapi('MergeList', {
    example: {
      merges: [
        {
          id: MERGE_ID,
          at: '2026-08-18T17:53:39.003Z',
          into: { kind: 'thirdPartyId', id: 'crm-4711' },
          from: [{ kind: 'tntId', id: 'abc', since: '2026-08-01T09:00:00.000Z' }],
          attributes: [{ name: 'country', value: 'france', modifiedAt: '2026-08-01T09:00:00.000Z' }],
          overruled: ['country'],
        },
      ],
      unreachable: [],
    },
  });
export const UnmergeReply = z
  .object({
    id: z.string(),
    preview: z.boolean(),
    into: Id,
    ids: z.array(Id),
    attributes: z.array(z.string()),
    removed: z.array(z.string()),
  })
  .openapi('UnmergeReply', {
    example: {
      id: MERGE_ID,
      preview: false,
      into: { kind: 'thirdPartyId', id: 'crm-4711' },
      ids: [{ kind: 'tntId', id: 'abc' }],
      attributes: ['country', 'size'],
      removed: ['size'],
    },
  });

const shared = { tags: ['Profiles'], security: [{ bearer: [] }] };

const DESCRIBE_LIST: Route['describe'] = {
  ...shared,
  summary: 'The merges of a profile, newest first',
  description:
    'Give one id. Lists the 100 newest merges that involved it, or another id of its profile, from all edge ' +
    'clusters. `unreachable` has the numbers of those that could not be asked; they may have more merges.',
  request: {
    params: ClientParam,
    query: z.object(ONE_ID),
  },
  responses: {
    200: { description: 'The merges', content: { 'application/json': { schema: MergeList } } },
    400: AdminRefusal('No id, or more than one'),
    401: AdminRefusal('Not the admin'),
    404: AdminRefusal('No merges are recorded'),
  },
};

const DESCRIBE_UNMERGE: Route['describe'] = {
  ...shared,
  summary: 'Undo a merge',
  description: 'With `preview=true` nothing is changed: the reply shows what would be.',
  request: {
    params: ClientParam.extend({ id: z.string().openapi({ example: MERGE_ID }) }),
    query: z.object({ preview: z.enum(['true', 'false']).optional() }),
  },
  responses: {
    200: { description: 'What was undone', content: { 'application/json': { schema: UnmergeReply } } },
    400: AdminRefusal('A bad parameter'),
    401: AdminRefusal('Not the admin'),
    404: AdminRefusal('No such merge is recorded'),
    409: AdminRefusal('It can no longer be undone; nothing was changed'),
    503: AdminRefusal('Another edge cluster cannot be asked; nothing was changed'),
  },
};
