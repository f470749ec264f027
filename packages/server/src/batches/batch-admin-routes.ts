/**
 * Batches for the administrator: what was uploaded, its progress, and why rows failed (contract
 * sections 6 and 9).
 */

import { Readable } from 'node:stream';
import { QuiverError } from '../errors.ts';
import type { Batch, BatchStore, FailedRow } from '../storage/batch-store.ts';
import type { Call } from '../wire/call.ts';
import { lastValue } from '../wire/parameters.ts';
import { emptyReply, jsonReply, plainReply, type Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeOrNull, timeText } from '../wire/time-text.ts';
import { acceptBatch } from './accept-batch.ts';
import { BatchReader } from './batch-reader.ts';
import { BATCH_FILE_EXAMPLE, type BatchRoutesParts } from './batch-routes.ts';
import { copyRows } from './batch-writer.ts';
import { failedRecords, readCustomerHeader } from './customer-steps.ts';

const LATEST = 100;
const FAILURES_PAGE = 1000;

/** Long because it lists the routes, each with its description for `/openapi.json`. */
export function batchAdminRoutes(parts: BatchRoutesParts): Route[] {
  const { batches, files, accepted } = parts;
  const shared = {
    method: 'GET',
    guard: 'admin',
    style: 'admin',
    cors: 'none',
    scope: 'client-of-path',
  } as const;
  const batchPath = '/{client}/target/batches/{batchId}';

  const batchOf = async (call: Call): Promise<Batch> => {
    const { client } = call;
    const id = call.param('batchId');
    const batch = await batches.find(client, id);
    if (!batch) throw new QuiverError('not-found', `No batch found for client ${client} with id=${id}`);
    return batch;
  };

  async function upload({ client, query, request }: Call): Promise<Reply> {
    const version = lastValue(query, 'version') ?? 'v2';
    if (version !== 'v1' && version !== 'v2')
      throw new QuiverError('bad-request', 'version: must be v1 or v2');
    const batchId = await acceptBatch(parts, client, version, request);
    accepted(client);
    return jsonReply({ batchId });
  }

  async function failures(call: Call): Promise<Reply> {
    const batch = await batchOf(call);
    if (lastValue(call.query, 'format') === 'file') return failuresFile(batch);
    const from = lastValue(call.query, 'fromLine') ?? '1';
    if (!/^[0-9]{1,9}$/.test(from)) throw new QuiverError('bad-request', 'fromLine: must be a whole number');
    const rows = await batches.failures(batch.client, batch.id, Number(from), FAILURES_PAGE);
    return jsonReply({
      failures: rows.map(({ line, id, reason, notFound }) => ({ line, id, reason, notFound })),
      // Where to continue; absent on the last page.
      ...(rows.length === FAILURES_PAGE && { nextLine: rows.at(-1)!.line + 1 }),
    });
  }

  /**
   * The failed rows with their header, exactly as they were sent, as a file to correct and send
   * again.
   */
  async function failuresFile({ client, id, source }: Batch): Promise<Reply> {
    if (source !== undefined) return failedCustomers(client, id);
    const reader = new BatchReader();
    try {
      for await (const chunk of files.readFrom(id, 0)) {
        reader.push(chunk);
        if (reader.header) break;
      }
      if (!reader.header) reader.end();
    } catch (cause) {
      throw new QuiverError('not-found', `The file of batch ${id} is kept only while it has failed rows`, {
        cause,
      });
    }
    const file = copyRows(reader.header!, allFailures(batches, client, id), files.reader(id));
    return plainReply(Readable.toWeb(Readable.from(file)) as ReadableStream<Uint8Array>, 200, {
      'content-disposition': `attachment; filename="${id}-failed.batch"`,
    });
  }

  /** The failed rows of a file of customer attributes, as a table to correct and upload again. */
  async function failedCustomers(client: string, id: string): Promise<Reply> {
    const header = await readCustomerHeader(files.readFrom(id, 0)).catch((cause: unknown) => {
      throw new QuiverError('not-found', `The file of batch ${id} is kept only while it has failed rows`, {
        cause,
      });
    });
    const rows = failedRecords(header.header, allFailures(batches, client, id), files.reader(id));
    return plainReply(Readable.toWeb(Readable.from(rows)) as ReadableStream<Uint8Array>, 200, {
      'content-disposition': `attachment; filename="${id}-failed.csv"`,
    });
  }

  async function retry(call: Call): Promise<Reply> {
    const batch = await batchOf(call);
    if (!(await batches.retry(batch.client, batch.id))) {
      throw new QuiverError('bad-request', `Batch ${batch.id} is not stuck but ${batch.state}`);
    }
    accepted(batch.client);
    return emptyReply();
  }

  return [
    {
      ...shared,
      path: '/{client}/target/batches',
      describe: describe('The latest batches', 200, BatchesView, ClientParam),
      handle: async ({ client }) =>
        jsonReply({ batches: (await batches.list(client, LATEST)).map(batchView) }),
    },
    {
      ...shared,
      method: 'POST',
      path: '/{client}/target/batches',
      describe: describeUpload,
      handle: upload,
    },
    {
      ...shared,
      path: batchPath,
      describe: describe('One batch', 200, BatchReply),
      handle: async (call) => jsonReply(batchView(await batchOf(call))),
    },
    {
      ...shared,
      path: `${batchPath}/failures`,
      describe: {
        ...describe(
          'Its failed rows, as JSON or (`format=file`) as a batch to send again',
          200,
          FailuresReply,
        ),
        request: { params: BatchParams, query: FailuresQuery },
      },
      handle: failures,
    },
    {
      ...shared,
      method: 'POST',
      path: `${batchPath}/retry`,
      describe: describe('Resume a stuck batch', 204),
      handle: retry,
    },
  ];
}

async function* allFailures(batches: BatchStore, client: string, id: string): AsyncGenerator<FailedRow> {
  for (let fromLine = 1; ; ) {
    const page = await batches.failures(client, id, fromLine, FAILURES_PAGE);
    yield* page;
    if (page.length < FAILURES_PAGE) return;
    fromLine = page.at(-1)!.line + 1;
  }
}

/**
 * The batches of a client that wait or run, and the last few others, of the latest {@link LATEST}.
 *
 * @param others how many of the others
 */
export async function batchesOfNote(
  batches: BatchStore,
  client: string,
  others: number,
): Promise<z.infer<typeof BatchReply>[]> {
  const all = await batches.list(client, LATEST);
  const isUnderWay = ({ state }: Batch) => state === 'waiting' || state === 'running';
  const done = all.filter((batch) => !isUnderWay(batch)).slice(0, others);
  return [...all.filter(isUnderWay), ...done].map(batchView);
}

function batchView({
  id,
  version,
  source,
  state,
  rows,
  bytes,
  progress,
  reason,
  ...batch
}: Batch): z.infer<typeof BatchReply> {
  const { consumed, successful, notFound, failed } = progress;
  return {
    id,
    version,
    ...(source !== undefined && { source }),
    state,
    rows,
    bytes,
    consumed,
    successful,
    notFound,
    failed,
    acceptedAt: timeText(batch.acceptedAt),
    startedAt: timeOrNull(batch.startedAt),
    finishedAt: timeOrNull(batch.finishedAt),
    reason: reason ?? null,
  };
}

const BATCH = {
  id: 'demo-1701473848678-13029383',
  version: 'v2',
  state: 'complete',
  rows: 4,
  bytes: 96,
  consumed: 4,
  successful: 3,
  notFound: 0,
  failed: 1,
  acceptedAt: '2026-08-18T17:53:39.003Z',
  startedAt: '2026-08-18T17:53:39.010Z',
  finishedAt: '2026-08-18T17:53:39.021Z',
  reason: null,
} as const;

export const BatchReply = z
  .object({
    id: z.string(),
    version: z.enum(['v1', 'v2']),
    source: z.string().optional().openapi({ description: 'The source, for a file of customer attributes.' }),
    state: z.enum(['waiting', 'running', 'complete', 'stuck']),
    rows: z.int(),
    bytes: z.int(),
    consumed: z.int(),
    successful: z.int(),
    notFound: z.int(),
    failed: z.int(),
    acceptedAt: z.string(),
    startedAt: z.string().nullable(),
    finishedAt: z.string().nullable(),
    reason: z.string().nullable().openapi({ description: 'Why it is stuck.' }),
  })
  .openapi('Batch', { example: BATCH });

const BatchesView = z.object({ batches: z.array(BatchReply) }).openapi({ example: { batches: [BATCH] } });

export const FailuresReply = z
  .object({
    failures: z.array(z.object({ line: z.int(), id: z.string(), reason: z.string(), notFound: z.boolean() })),
    nextLine: z.int().optional(),
  })
  .openapi({ example: { failures: [{ line: 3, id: '124', reason: 'the id is missing', notFound: false }] } });

const ClientParam = z.object({ client: z.string().openapi({ example: 'demo' }) });
const BatchParams = ClientParam.extend({
  batchId: z.string().openapi({ example: 'demo-1701473848678-13029383' }),
});
const FailuresQuery = z.object({
  format: z
    .string()
    .optional()
    .openapi({ description: '`file` for a batch to send again.', example: 'file' }),
  fromLine: z.string().optional().openapi({ description: 'The first line of the page.', example: '1' }),
});

const describeUpload = {
  ...describe(
    'Upload a batch',
    200,
    z.object({ batchId: z.string() }).openapi({ example: { batchId: BATCH.id } }),
    ClientParam,
  ),
  description:
    'Accepted, queued and applied like one sent to `/m2/{client}/v2/profile/batchUpdate`; for the console and other programs of ' +
    'the operator. A problem of the file is reported with its row.',
  request: {
    params: ClientParam,
    query: z.object({
      version: z.enum(['v1', 'v2']).optional().openapi({
        description: '`v1` only updates; `v2`, the default, also creates missing profiles.',
        example: 'v2',
      }),
    }),
    body: {
      required: true,
      content: { 'application/octet-stream': { schema: z.string(), example: BATCH_FILE_EXAMPLE } },
    },
  },
};

function describe(summary: string, status: number, schema?: z.ZodType, params: z.ZodObject = BatchParams) {
  const content = schema && { 'application/json': { schema } };
  return {
    tags: ['Batches'],
    summary,
    security: [{ bearer: [] }],
    request: { params },
    responses: { [status]: { description: summary, ...(content && { content }) } },
  };
}
