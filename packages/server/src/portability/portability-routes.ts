/** Exports and imports of all profiles of a client (contract section 21). */

import { QuiverError } from '../errors.ts';
import type { AttributeNameStore } from '../storage/kept/attribute-name-store.ts';
import type { ProfileLists } from '../storage/profile-lists.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import type { Call } from '../wire/call.ts';
import { lastValue } from '../wire/parameters.ts';
import { JSON_HEADERS, jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { unpackedBody } from '../wire/streamed-body.ts';
import { timeText } from '../wire/time-text.ts';
import { csvHeader, csvRow } from './csv.ts';
import { type ExportRequest, exportStream } from './export-stream.ts';
import { type ImportParts, importProfiles } from './import-profiles.ts';
import { EXPORT_VERSION, profileLine } from './profile-line.ts';

export interface PortabilityParts extends ImportParts {
  readonly lists: ProfileLists;
  readonly attributeNames: AttributeNameStore;
}

const SNAPSHOT_HEADER = 'x-quiver-snapshot';
const TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv;charset=UTF-8' } as const;

export function portabilityRoutes(parts: PortabilityParts): Route[] {
  const { lists, now } = parts;

  async function exported({ client, query }: Call): Promise<Reply> {
    const format = lastValue(query, 'format') || 'ndjson';
    if (format !== 'ndjson' && format !== 'csv') {
      throw new QuiverError('bad-request', 'format: must be ndjson or csv');
    }
    const asked = lastValue(query, 'snapshot') || undefined;
    const after = lastValue(query, 'after') || undefined;
    if (after !== undefined && asked === undefined) {
      throw new QuiverError('bad-request', 'after: goes with snapshot');
    }
    const names = format === 'csv' ? await parts.attributeNames.list(client) : [];
    const snapshot = asked ?? (await lists.takeSnapshot());
    // Errors about a snapshot or a position must come before any output.
    if (asked !== undefined) await lists.readSnapshot(client, asked, after, now());
    const request: ExportRequest = {
      client,
      snapshot,
      after,
      ...(format === 'csv' ? csvParts(names) : ndjsonParts(client, snapshot, now())),
      ...(asked !== undefined && { head: '' }),
    };
    const headers = {
      ...JSON_HEADERS,
      'content-type': TYPES[format],
      'content-disposition': `attachment; filename="${client}-profiles.${format}"`,
      [SNAPSHOT_HEADER]: snapshot,
    };
    return new Reply(exportStream(lists, request, now), 200, headers);
  }

  async function imported({ client, request }: Call): Promise<Reply> {
    return jsonReply(await importProfiles(parts, client, unpackedBody(request)));
  }

  const path = '/{client}/target/profiles';
  return [
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: `${path}/export`,
      audited: true,
      describe: DESCRIBE_EXPORT,
      handle: exported,
    },
    { ...ADMIN_ROUTE, method: 'POST', path: `${path}/import`, describe: DESCRIBE_IMPORT, handle: imported },
  ];
}

type Form = Pick<ExportRequest, 'head' | 'textOf' | 'endOf'>;

function ndjsonParts(client: string, snapshot: string, startedAt: number): Form {
  const head = { quiverExport: EXPORT_VERSION, client, snapshot, startedAt: timeText(startedAt) };
  return {
    head: `${JSON.stringify(head)}\n`,
    textOf: (profile) => `${profileLine(profile)}\n`,
    endOf: (profiles) => `${JSON.stringify({ end: true, profiles })}\n`,
  };
}

function csvParts(names: readonly string[]): Form {
  return { head: csvHeader(names), textOf: (profile) => csvRow(profile, names), endOf: () => '' };
}

const EXAMPLE = `${[
  { quiverExport: 1, client: 'demo', snapshot: '4c1fd1a0c6b34f2b', startedAt: '2026-08-18T17:53:40.000Z' },
  {
    ids: [{ kind: 'thirdPartyId', id: 'crm-4711', since: '2026-08-18T17:53:39.003Z' }],
    modifiedAt: '2026-08-18T17:53:39.003Z',
    expiresAt: '2026-09-01T17:53:39.003Z',
    attributes: [{ name: 'country', value: 'france', modifiedAt: '2026-08-18T17:53:39.003Z' }],
    position: '7',
  },
  { end: true, profiles: 1 },
]
  .map((line) => JSON.stringify(line))
  .join('\n')}\n`;

const ExportText = z.string();
export const ImportReply = z
  .object({ profiles: z.int(), imported: z.int(), expired: z.int(), suppressed: z.int() })
  .openapi('ImportReply', { example: { profiles: 1, imported: 1, expired: 0, suppressed: 0 } });

const shared = { tags: ['Profiles'], security: [{ bearer: [] }] };

const DESCRIBE_EXPORT: Route['describe'] = {
  ...shared,
  summary: 'Every profile of a client, as a file',
  description:
    'On the embedded store, the state at one moment. NDJSON has a first and a last line besides the profiles; a file without the last line ' +
    'was cut short, and is resumed with `snapshot` and `after`.',
  request: {
    params: ClientParam,
    query: z.object({
      format: z.enum(['ndjson', 'csv']).optional().openapi({ example: 'ndjson' }),
      snapshot: z.string().optional().openapi({ description: 'The snapshot of an export to be resumed.' }),
      after: z.string().optional().openapi({ description: 'The `position` of the last complete line.' }),
    }),
  },
  responses: {
    200: {
      description: 'The file',
      content: {
        'application/x-ndjson': { schema: ExportText, example: EXAMPLE },
        'text/csv': { schema: ExportText, example: csvHeader(['country']) },
      },
    },
    400: AdminRefusal('A parameter breaks a rule'),
    401: AdminRefusal('Not the admin'),
    404: AdminRefusal('The snapshot is no longer kept'),
  },
};

const DESCRIBE_IMPORT: Route['describe'] = {
  ...shared,
  summary: 'Import an export',
  description:
    'Profiles keep ids, times and lifetimes. A profile with a known id is merged: the newest value of each attribute stays.',
  request: {
    params: ClientParam,
    body: { required: true, content: { 'application/x-ndjson': { schema: ExportText, example: EXAMPLE } } },
  },
  responses: {
    200: { description: 'What was imported', content: { 'application/json': { schema: ImportReply } } },
    400: AdminRefusal('A line breaks a rule; the lines before it were imported'),
    401: AdminRefusal('Not the admin'),
  },
};
