/** The single update (contract section 5): GET, POST with a form, POST with JSON. */

import { MAX_ATTRIBUTES_SIZE } from '../domain/attributes.ts';
import type { RulesOf } from '../domain/client-rules.ts';
import type { CheckIds } from '../domain/placeholder-id.ts';
import { visitorIdOf } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { ProfileService } from '../service/profile-service.ts';
import { readBody, textOf } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { readJsonObject } from '../wire/json.ts';
import { type Parameter, readParameters } from '../wire/parameters.ts';
import { edgeHeader, type Reply, updateReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { targetLength } from '../wire/target.ts';
import { noProfileFound } from './not-found.ts';
import { jsonParameters, type ProfileUpdate, profileUpdateOf } from './profile-update.ts';

/** The longest path and query of a GET, in characters. */
export const MAX_UPDATE_URL = 8 * 1024;
/** The largest body of a POST, in bytes. */
export const MAX_UPDATE_BODY = 60 * 1024;

const PATH = '/m2/{client}/profile/update';

const SUBMITTED = 'Request successfully submitted';
/** The reply to most updates. */
const UPDATED = updateReply(true, SUBMITTED);

/**
 * The update routes, by GET and by POST. @param checkIds refuses ids that the client does not want
 */
export function updateRoutes(profiles: ProfileService, rulesOf: RulesOf, checkIds: CheckIds): Route[] {
  const update = async (client: string, parameters: readonly Parameter[]) => {
    const sent = profileUpdateOf(parameters);
    const member = sent.id.kind === 'tntId' ? 'mboxPC' : 'mbox3rdPartyId';
    await checkIds(client, [{ ...visitorIdOf(sent.id), member }]);
    return answerUpdate(profiles, rulesOf, client, sent);
  };
  const shared = {
    path: PATH,
    guard: 'profileApi',
    style: 'xml',
    cors: 'configured',
    scope: 'client',
  } as const;
  return [
    {
      ...shared,
      method: 'GET',
      writes: true,
      describe: describeUpdate('Update a profile, all in the query'),
      async handle(call) {
        if (targetLength(call.request.url) > MAX_UPDATE_URL) {
          throw new QuiverError(
            'url-too-long',
            `URL: must have at most ${MAX_UPDATE_URL} characters; use POST`,
          );
        }
        return update(call.client, call.query);
      },
    },
    {
      ...shared,
      method: 'POST',
      describe: { ...describeUpdate('Update a profile'), request: { ...UPDATE_REQUEST, body: UPDATE_BODY } },
      async handle(call) {
        return update(call.client, [...call.query, ...(await bodyParameters(call))]);
      },
    },
  ];
}

async function answerUpdate(
  profiles: ProfileService,
  rulesOf: RulesOf,
  client: string,
  { id, settings }: ProfileUpdate,
): Promise<Reply> {
  const { outcome, cluster } = await profiles.update(client, id, settings);
  if (outcome === 'not-found') {
    const { unknownUpdate } = await rulesOf(client);
    return unknownUpdate === 'success'
      ? UPDATED
      : updateReply(false, noProfileFound(client, id.kind, id.text));
  }
  if (outcome === 'too-large') {
    throw new QuiverError(
      'bad-request',
      `The attributes of one profile may total ${MAX_ATTRIBUTES_SIZE} bytes; nothing was changed`,
    );
  }
  return cluster === undefined ? UPDATED : updateReply(true, SUBMITTED, 200, edgeHeader(cluster));
}

/**
 * The parameters in a body: a form unless the Content-Type says JSON. An empty body has none,
 * whatever its type.
 */
async function bodyParameters({ request }: Call): Promise<Parameter[]> {
  const body = await readBody(request, MAX_UPDATE_BODY);
  if (body.byteLength === 0) return [];
  const sentType = request.headers.get('content-type') ?? '';
  const type = sentType.split(';', 1)[0]!.trim().toLowerCase();
  if (type === '' || type === 'application/x-www-form-urlencoded') return readParameters(textOf(body));
  if (type === 'application/json') return jsonParameters(readJsonObject(body));
  throw new QuiverError(
    'bad-request',
    `Content-Type: must be application/x-www-form-urlencoded or application/json, not ${type}`,
  );
}

const UPDATE_REQUEST = {
  params: z.object({ client: z.string().openapi({ example: 'demo' }) }),
  query: z
    .object({
      mboxPC: z.string().optional().openapi({ description: 'A tntId.', example: '111.28_20' }),
      mbox3rdPartyId: z
        .string()
        .optional()
        .openapi({ description: 'Takes precedence over mboxPC.', example: 'crm-4711' }),
      'profile.country': z
        .string()
        .optional()
        .openapi({
          description:
            'Any attribute: what follows `profile.` is its name, 1 to 128 characters, not starting with `user.`. ' +
            'When a name is given twice, the last value counts; empty values are ignored.',
          example: 'france',
        }),
    })
    .openapi({ description: 'An id, and attributes to set.' }),
};

const UPDATE_BODY = {
  description: `At most ${MAX_UPDATE_BODY} bytes; wins over the query. May be empty.`,
  required: false,
  content: {
    'application/x-www-form-urlencoded': {
      schema: z.looseObject({ mboxPC: z.string().optional(), mbox3rdPartyId: z.string().optional() }),
      example: { mboxPC: '111.28_20', 'profile.country': 'france' },
    },
    'application/json': {
      schema: z
        .looseObject({ mboxPC: z.string().optional(), mbox3rdPartyId: z.string().optional() })
        .openapi({
          description:
            'Flat. Names that look like whole numbers after `profile.` keep their place, as the prefix makes them text.',
        }),
      example: { mbox3rdPartyId: 'crm-4711', 'profile.country': 'france' },
    },
  },
};

function describeUpdate(summary: string) {
  const xml = (description: string, success: boolean, message: string) => ({
    description,
    content: {
      'text/xml': {
        schema: z.string(),
        example: `<response><success>${success}</success><pcId></pcId><message>${message}</message></response>`,
      },
    },
  });
  return {
    tags: ['Profiles'],
    summary,
    description: 'Durable, and visible to the next fetch. It never creates a profile.',
    request: UPDATE_REQUEST,
    responses: {
      200: xml('Done; with `success` false, there is no such profile', true, SUBMITTED),
      400: xml('Refused; nothing was changed', false, 'mboxPC or mbox3rdPartyId: must be given'),
      413: xml('The body is too large', false, `body: must have at most ${MAX_UPDATE_BODY} bytes`),
      415: xml('An unknown Content-Encoding', false, 'Content-Encoding: must be gzip or absent, not br'),
      414: xml('The URL is too long', false, `URL: must have at most ${MAX_UPDATE_URL} characters; use POST`),
    },
  };
}
