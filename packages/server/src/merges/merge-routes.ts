/** The merge trail over HTTP (contract section 20). */

import { listAttributes } from '../domain/attributes.ts';
import type { MergeRecord } from '../domain/unmerge.ts';
import { idProblem, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { MergeTrail } from '../storage/merge-trail.ts';
import type { ProfileStore } from '../storage/profile-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import type { Call } from '../wire/call.ts';
import { KIND_NAMES, kindName, kindOfName } from '../wire/kind-names.ts';
import { lastValue, type Parameter } from '../wire/parameters.ts';
import { jsonReply, type Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';

/** How many merges are shown, newest first. */
const SHOWN = 100;
/** The most ids of a profile whose merges are searched. */
const MAX_IDS = 1000;
const PATH = '/{client}/target/merges';
const PARAMETERS = [...KIND_NAMES, 'ecid'] as const;

export interface MergeRoutesParts {
  /** Of this edge cluster. */
  readonly stores: {
    readonly merges: MergeTrail;
    readonly profiles: Pick<ProfileStore, 'findLinked'>;
  };
  /** Which ids must not be stored (contract section 22). */
  readonly suppressions: {
    of(
      client: string,
    ): ((id: VisitorId) => boolean) | undefined | Promise<((id: VisitorId) => boolean) | undefined>;
  };
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export function mergeRoutes({ stores, suppressions, now }: MergeRoutesParts): Route[] {
  const { merges: trail, profiles } = stores;
  function kept(): MergeTrail {
    if (trail.isOn) return trail;
    throw new QuiverError('not-found', 'No merges are recorded: --merges is off');
  }

  async function list({ client, query }: Call): Promise<Reply> {
    const id = idOf(query);
    const merges = kept();
    const found = await profiles.findLinked(client, id, now(), MAX_IDS);
    const records = await merges.list(client, [id, ...(found?.ids ?? [])], now(), SHOWN);
    return jsonReply({ merges: records.map(viewOf) });
  }

  async function unmerge(call: Call): Promise<Reply> {
    const { client, query } = call;
    const preview = lastValue(query, 'preview') ?? '';
    if (!['', 'true', 'false'].includes(preview)) {
      throw new QuiverError('bad-request', 'preview: must be true or false');
    }
    const id = call.param('id');
    const merges = kept();
    const isPreview = preview === 'true';
    const isSuppressed = await suppressions.of(client);
    // Checked first, because ids that must not be stored must not get a profile either.
    const planned = await merges.unmerge(client, id, now(), true);
    if (planned.outcome === 'unmerged' && isSuppressed && planned.record.ids.some(isSuppressed)) {
      throw refusal('an id that came with the merge is suppressed');
    }
    const done = isPreview ? planned : await merges.unmerge(client, id, now(), false);
    if (done.outcome === 'not-found') {
      throw new QuiverError('not-found', `No merge found for client ${client} with id=${id}`);
    }
    if (done.outcome === 'refused') throw refusal(done.reason);
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

function refusal(reason: string): QuiverError {
  return new QuiverError('conflict', `The merge cannot be undone: ${reason}; nothing was changed`);
}

/** The single id named by a query. */
function idOf(query: readonly Parameter[]): VisitorId {
  const given = PARAMETERS.flatMap((name) => {
    const text = lastValue(query, name);
    return text === undefined || text === '' ? [] : [{ name, text }];
  });
  const [one] = given;
  if (!one || given.length > 1) {
    throw new QuiverError('bad-request', `one id must be given: ${PARAMETERS.join(' or ')}`);
  }
  const { name, text } = one;
  const kind = name === 'ecid' ? name : kindOfName(name)!;
  const problem = idProblem(kind, text);
  if (problem !== undefined) throw new QuiverError('bad-request', `${name}: ${problem}`);
  return kind === 'tntId' ? parseTntId(text).id : { kind, value: text };
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
const IdParameter = z.string().optional();

const DESCRIBE_LIST: Route['describe'] = {
  ...shared,
  summary: 'The merges of a profile, newest first',
  description: 'Give one id. Lists the 100 newest merges that involved it, or another id of its profile.',
  request: {
    params: ClientParam,
    query: z.object({
      tntId: IdParameter,
      thirdPartyId: IdParameter.openapi({ example: 'crm-4711' }),
      customerId: IdParameter,
      marketingCloudVisitorId: IdParameter,
      ecid: IdParameter.openapi({ description: 'The same as `marketingCloudVisitorId`.' }),
    }),
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
  },
};
