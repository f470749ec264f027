/** Bulk update: upload and status, v1 and v2 (contract section 6). */

import { QuiverError } from '../errors.ts';
import type { BatchFileStore } from '../storage/batch-file-store.ts';
import type { Batch, BatchStore, BatchVersion, FailedRow } from '../storage/batch-store.ts';
import type { Call } from '../wire/call.ts';
import { lastValue } from '../wire/parameters.ts';
import { batchReply, xmlReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { escapeXml, type XmlElements, xmlResponse } from '../wire/xml.ts';
import { acceptBatch } from './accept-batch.ts';

export interface BatchRoutesParts {
  readonly batches: BatchStore;
  readonly files: BatchFileStore;
  readonly now: () => number;
  /** Called with the client when a batch has been queued. */
  readonly accepted: (client: string) => void;
  /**
   * The part of the URL before the path: `https://demo.example.com:8443`, behind a proxy including
   * its prefix.
   */
  readonly baseUrlOf: (call: Call) => string;
}

/** The most failed rows listed in a status. */
const MAX_FAILED_IDS = 1000;

/** Clients store the address of the status in columns of this width. */
const MAX_STATUS_URL = 255;
/** A dash, epoch milliseconds, a dash, eight digits. */
const ID_WITHOUT_CLIENT = 23;

export function batchRoutes(parts: BatchRoutesParts): Route[] {
  const shared = { guard: 'profileApi', style: 'batch-xml', cors: 'configured', scope: 'client' } as const;

  const upload = (version: BatchVersion) => async (call: Call) => {
    const statusUrl = statusUrlMaker(parts.baseUrlOf(call), call.client);
    const id = await acceptBatch(parts, call.client, version, call.request);
    parts.accepted(call.client);
    return batchReply(true, statusUrl(id), 'Batch submitted for processing');
  };

  const status = (asked: BatchVersion) => async (call: Call) => {
    const id = lastValue(call.query, 'batchId');
    if (!id) throw new QuiverError('bad-request', 'batchId: must be given');
    const batch = await parts.batches.find(call.client, id);
    if (!batch) throw new QuiverError('not-found', `No batch found for client ${call.client} with id=${id}`);
    if (lastValue(call.query, 'showDetails') !== 'true') return xmlReply(xmlResponse(summaryOf(batch)));
    const namesRows = asked === 'v2' || batch.version === 'v2';
    const failed = namesRows ? await failedRows(parts.batches, batch) : [];
    return xmlReply(detailed(batch, failed));
  };

  return [
    {
      ...shared,
      method: 'POST',
      path: '/m2/{client}/profile/batchUpdate',
      describe: describeUpload(
        'Update many profiles',
        'Only updates: rows whose profile does not exist are counted.',
      ),
      handle: upload('v1'),
    },
    {
      ...shared,
      method: 'POST',
      path: '/m2/{client}/v2/profile/batchUpdate',
      describe: describeUpload('Update or create many profiles', 'Creates the profiles that do not exist.'),
      handle: upload('v2'),
    },
    {
      ...shared,
      method: 'GET',
      path: '/m2/{client}/profile/batchStatus',
      describe: describeStatus('The progress of a batch'),
      handle: status('v1'),
    },
    {
      ...shared,
      method: 'GET',
      path: '/m2/{client}/v2/profile/batchStatus',
      describe: describeStatus('The progress of a batch, with the failed rows'),
      handle: status('v2'),
    },
  ];
}

/**
 * Returns a function that makes the URL of a batch's status; called before anything of the batch is
 * stored.
 *
 * Clients cut the URL out of the reply without decoding XML and append a parameter to it. So it
 * must not contain markup and must have one query parameter, whatever Host was sent.
 */
function statusUrlMaker(base: string, client: string): (id: string) => string {
  if (!BASE_URL.test(base)) {
    throw new QuiverError('bad-request', 'Host: must be a name or an address, and a port if any');
  }
  const start = `${base}/m2/${client}/profile/batchStatus?batchId=`;
  const excess = start.length + client.length + ID_WITHOUT_CLIENT - MAX_STATUS_URL;
  if (excess > 0) {
    const room = base.length - base.indexOf('//') - 2 - excess;
    const why = `the address of the status has room for ${MAX_STATUS_URL}`;
    throw new QuiverError('bad-request', `Host: must be at most ${room} characters, for ${why}`);
  }
  return (id) => start + id;
}
const BASE_URL = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?(?:\/[\w.~!$()*+,;=:@%-]+)*$/i;

/** Adobe has no status `running`: a batch that is neither complete nor stuck is incomplete. */
function summaryOf(batch: Batch): XmlElements {
  const status = batch.state === 'complete' || batch.state === 'stuck' ? batch.state : 'incomplete';
  return [
    ['batchId', batch.id],
    ['status', status],
    ['batchSize', String(batch.rows)],
  ];
}

function detailed(batch: Batch, failed: readonly FailedRow[]): string {
  const { consumed, successful, notFound, failed: failures } = batch.progress;
  const own = xmlResponse([
    ...summaryOf(batch),
    ['consumedCount', String(consumed)],
    ['successfulUpdates', String(successful)],
    ['profilesNotFound', String(notFound)],
    ['failedUpdates', String(failures)],
  ]);
  const rows = failed.map(({ id }) => `<profile><id>${escapeXml(id)}</id><status>failed</status></profile>`);
  // Clients use the first <status> they find, so the rows come after the batch's own elements.
  return own.replace('</response>', () => `${rows.join('')}</response>`);
}

async function failedRows(batches: BatchStore, batch: Batch): Promise<FailedRow[]> {
  const found: FailedRow[] = [];
  const wanted = Math.min(batch.progress.failed, MAX_FAILED_IDS);
  for (let fromLine = 0; found.length < wanted; ) {
    const page = await batches.failures(batch.client, batch.id, fromLine, MAX_FAILED_IDS);
    found.push(...page.filter((row) => !row.notFound));
    if (page.length < MAX_FAILED_IDS) break;
    fromLine = page.at(-1)!.line + 1;
  }
  return found.slice(0, wanted);
}

const ClientParam = z.object({ client: z.string().openapi({ example: 'demo' }) });
const xml = (description: string, example: string) => ({
  description,
  content: { 'text/xml': { schema: z.string(), example } },
});

/** A small batch for the API description. */
export const BATCH_FILE_EXAMPLE = 'batch=pcId,country,plan\n111.28_20,france,gold\n112,,silver\n';

function describeUpload(summary: string, what: string) {
  return {
    tags: ['Batches'],
    summary,
    description:
      `${what} The body is the file as it is, whatever its Content-Type says; gzip is unpacked. ` +
      'Under 50,000,000 bytes and at most 500,000 rows. Accepted means on disk.',
    request: {
      params: ClientParam,
      body: {
        required: true,
        content: { 'application/x-www-form-urlencoded': { schema: z.string(), example: BATCH_FILE_EXAMPLE } },
      },
    },
    responses: {
      200: xml(
        'Accepted',
        '<response><success>true</success><batchStatus>http://localhost:8680/m2/demo/profile/batchStatus?batchId=demo-1701473848678-13029383</batchStatus><message>Batch submitted for processing</message></response>',
      ),
      400: xml(
        'Refused whole',
        '<response><success>false</success><batchStatus></batchStatus><message>the file is empty</message></response>',
      ),
      413: xml(
        'Too large',
        '<response><success>false</success><batchStatus></batchStatus><message>the file has more than 500,000 rows</message></response>',
      ),
    },
  };
}

function describeStatus(summary: string) {
  return {
    tags: ['Batches'],
    summary,
    request: {
      params: ClientParam,
      query: z.object({
        batchId: z.string().openapi({ example: 'demo-1701473848678-13029383' }),
        showDetails: z
          .string()
          .optional()
          .openapi({ description: '`true` adds the counts.', example: 'true' }),
      }),
    },
    responses: {
      200: xml(
        'Its status: complete, incomplete or stuck',
        '<response><batchId>demo-1701473848678-13029383</batchId><status>complete</status><batchSize>4</batchSize></response>',
      ),
      404: xml(
        'No such batch',
        '<response><success>false</success><batchStatus></batchStatus><message>No batch found for client demo with id=x</message></response>',
      ),
    },
  };
}
