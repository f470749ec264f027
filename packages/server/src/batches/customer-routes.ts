/** Customer attributes: uploads and their sources (contract section 17). */

import type { RulesOf } from '../domain/client-rules.ts';
import { SOURCE_IDS, type SourceIds, sourceProblem } from '../domain/customer-attributes.ts';
import { QuiverError } from '../errors.ts';
import {
  type CustomerSource,
  type CustomerSourceStore,
  MAX_CUSTOMER_SOURCES,
} from '../storage/kept/customer-source-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import type { Call } from '../wire/call.ts';
import { lastValue } from '../wire/parameters.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';
import { type AcceptBatchParts, acceptCustomerFile } from './accept-batch.ts';

export interface CustomerRoutesParts extends AcceptBatchParts {
  readonly sources: CustomerSourceStore;
  readonly rulesOf: RulesOf;
  /** Told when a source is stored, so that the other edge clusters learn of it. */
  readonly exchange: { tell(): void } | undefined;
  /** Called with the client when a file has been queued. */
  readonly accepted: (client: string) => void;
  /** The part of the URL before the path. */
  readonly baseUrlOf: (call: Call) => string;
}

const PATH = '/{client}/target/customer-attributes';

export function customerRoutes(parts: CustomerRoutesParts): Route[] {
  const { sources } = parts;

  async function upload(call: Call) {
    const { client } = call;
    const source = call.param('source');
    const problem = sourceProblem(source);
    if (problem !== undefined) throw new QuiverError('bad-request', `source: ${problem}`);
    const known = await sources.find(client, source);
    const ids = idsOf(call, known);
    await requireAlias(client, source, ids);
    const { id, rows } = await acceptCustomerFile(
      parts,
      client,
      { source, ids },
      call.request,
      async (header) => {
        const attributes = header.names;
        const noted = await sources.note(client, { name: source, ids, attributes, uploadedAt: parts.now() });
        if (noted === 'full') {
          throw new QuiverError('bad-request', `source: a client may have ${MAX_CUSTOMER_SOURCES} sources`);
        }
        requireSameIds(ids, noted);
        parts.exchange?.tell();
      },
    );
    parts.accepted(client);
    const status = `${parts.baseUrlOf(call)}/${encodeURIComponent(client)}/target/batches/${id}`;
    return jsonReply({ batchId: id, source, rows, status }, 202);
  }

  /** A visitor cannot be found by an id whose alias is unknown. */
  async function requireAlias(client: string, source: string, ids: SourceIds): Promise<void> {
    const { customerIdAliases } = await parts.rulesOf(client);
    if (ids !== 'customerId' || customerIdAliases === null || customerIdAliases.includes(source)) return;
    throw new QuiverError('bad-request', `source: the setting customerIdAliases does not have ${source}`);
  }

  async function list({ client }: Call) {
    return jsonReply({ sources: (await sources.list(client)).map(viewOf) });
  }

  return [
    { ...ADMIN_ROUTE, method: 'GET', path: PATH, describe: describeList, handle: list },
    { ...ADMIN_ROUTE, method: 'POST', path: `${PATH}/{source}`, describe: describeUpload, handle: upload },
  ];
}

/** The kind of an upload's ids: as it says, otherwise that of the source. */
function idsOf({ query }: Call, known: CustomerSource | undefined): SourceIds {
  const sent = lastValue(query, 'ids');
  if (sent === undefined) return known?.ids ?? 'customerId';
  const ids = SOURCE_IDS.find((one) => one === sent);
  if (ids === undefined) throw new QuiverError('bad-request', `ids: must be ${SOURCE_IDS.join(' or ')}`);
  if (known) requireSameIds(ids, known);
  return ids;
}

function requireSameIds(ids: SourceIds, source: CustomerSource): void {
  if (ids === source.ids) return;
  throw new QuiverError(
    'bad-request',
    `ids: those of the source ${source.name} are of the kind ${source.ids}`,
  );
}

function viewOf({ name, ids, attributes, createdAt, uploadedAt }: CustomerSource) {
  return {
    source: name,
    ids,
    attributes,
    createdAt: timeText(createdAt),
    uploadedAt: timeText(uploadedAt),
  };
}

const SOURCE = {
  source: 'crm',
  ids: 'customerId',
  attributes: ['tier', 'city'],
  createdAt: '2026-08-18T17:53:39.003Z',
  uploadedAt: '2026-08-18T17:53:39.003Z',
} as const;

export const CustomerSourceReply = z.object({
  source: z.string(),
  ids: z.enum(SOURCE_IDS).openapi({
    description: '`customerId`: customer ids whose alias is the source; `thirdPartyId`: thirdPartyIds.',
  }),
  attributes: z.array(z.string()).openapi({ description: 'The attributes of the last file.' }),
  createdAt: z.string(),
  uploadedAt: z.string(),
});

const shared = { tags: ['Batches'], security: [{ bearer: [] }] };

const describeList = {
  ...shared,
  summary: 'The sources of customer attributes',
  request: { params: ClientParam },
  responses: {
    200: {
      description: 'The sources, by name',
      content: {
        'application/json': {
          schema: z
            .object({ sources: z.array(CustomerSourceReply) })
            .openapi('CustomerSources', { example: { sources: [SOURCE] } }),
        },
      },
    },
    401: AdminRefusal('Not the admin'),
  },
};

const describeUpload = {
  ...shared,
  summary: 'Upload a file of customer attributes',
  description:
    'CSV: a header row, the ids in the first column; a quote within quotes is preceded by a backslash; an empty cell removes. Plain, ' +
    'as gzip, or as a zip archive with one file. Accepted means on disk; it is applied as a batch.',
  request: {
    params: ClientParam.extend({
      source: z.string().openapi({ description: '1 to 50 characters, no dot.', example: 'crm' }),
    }),
    query: z.object({
      ids: z.enum(SOURCE_IDS).optional().openapi({
        description:
          'What the first column contains; decided by the first upload of a source, `customerId` by default.',
      }),
    }),
    body: {
      required: true,
      content: {
        'text/csv': { schema: z.string(), example: 'id,tier,city\n4711,gold,"Paris, France"\n4712,,Rome\n' },
      },
    },
  },
  responses: {
    202: {
      description: 'Accepted',
      content: {
        'application/json': {
          schema: z
            .object({
              batchId: z.string(),
              source: z.string(),
              rows: z.int(),
              status: z.string().openapi({ description: 'The URL of its status.' }),
            })
            .openapi('AcceptedCustomerFile', {
              example: {
                batchId: 'demo-1701473848678-13029383',
                source: 'crm',
                rows: 2,
                status: 'http://localhost:8680/demo/target/batches/demo-1701473848678-13029383',
              },
            }),
        },
      },
    },
    400: AdminRefusal('Refused as a whole; nothing was changed'),
    401: AdminRefusal('Not the admin'),
    413: AdminRefusal('Too large'),
  },
};
