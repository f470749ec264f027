/** Privacy requests over HTTP (contract section 22). */

import { attributesJson, formatTime } from '../domain/attributes.ts';
import { idProblem, parseTntId, type SentId, type VisitorId } from '../domain/visitor-id.ts';
import { badRequest, QuiverError } from '../errors.ts';
import {
  PRIVACY_TYPES,
  type PrivacyRequest,
  type PrivacyType,
} from '../storage/kept/privacy-request-store.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { isJsonObject, readJsonObject } from '../wire/json.ts';
import { KIND_NAMES, kindName, kindOfName } from '../wire/kind-names.ts';
import { JSON_HEADERS, jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeOrNull, timeText } from '../wire/time-text.ts';
import { webhookUrl } from '../wire/webhook-url.ts';
import type { PrivacyRequests } from './privacy-requests.ts';

const MAX_BODY = 128 * 1024;
const MAX_IDENTITIES = 100;
const ALL_IDS = Number.MAX_SAFE_INTEGER;
const PATH = '/{client}/target/privacy/requests';
const SECRET_PATH = '/{client}/target/privacy/callback-secret';

export interface PrivacyRoutesParts {
  readonly requests: PrivacyRequests;
  /** The secrets with which callbacks are signed. */
  readonly secrets: {
    current(client: string): Promise<string>;
    renewed(client: string): Promise<string>;
  };
  /** The profiles of all edge clusters. */
  readonly profiles: {
    findLinked(client: string, id: SentId, limit: number): Promise<LinkedProfile | undefined>;
  };
}

export function privacyRoutes({ requests, secrets, profiles }: PrivacyRoutesParts): Route[] {
  async function take({ client, request }: Call): Promise<Reply> {
    const { type, identities, callback } = sentRequest(readJsonObject(await readBody(request, MAX_BODY)));
    return jsonReply(viewOf(client, await requests.take(client, type, identities, callback)), 202);
  }

  async function requestOf(call: Call): Promise<PrivacyRequest> {
    const { client } = call;
    const id = call.param('id');
    const found = id.length <= 64 ? await requests.find(client, id) : undefined;
    if (found) return found;
    throw new QuiverError('not-found', `No privacy request found for client ${client} with id=${id}`);
  }

  async function file(call: Call): Promise<Reply> {
    const request = await requestOf(call);
    const number = call.param('n');
    const result = /^[1-9][0-9]{0,2}$/.test(number) ? request.results[Number(number) - 1] : undefined;
    const { client } = call;
    const gone = new QuiverError('not-found', `No profile found for file ${number} of this request`);
    if (result?.id === undefined) throw gone;
    const found = await profiles.findLinked(client, { kind: result.kind, text: result.id }, ALL_IDS);
    if (!found) throw gone;
    return new Reply(fileText(client, found), 200, {
      ...JSON_HEADERS,
      'content-disposition': `attachment; filename="${client}-${request.id}-${number}.json"`,
    });
  }

  return [
    { ...ADMIN_ROUTE, method: 'POST', path: PATH, describe: DESCRIBE.take, handle: take },
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: `${PATH}/{id}`,
      describe: DESCRIBE.show,
      handle: async (call) => jsonReply(viewOf(call.client, await requestOf(call))),
    },
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: `${PATH}/{id}/files/{n}`,
      audited: true,
      describe: DESCRIBE.file,
      handle: file,
    },
    ...secretRoutes(secrets),
  ];
}

/** Routes for the secret of callbacks. */
function secretRoutes(secrets: PrivacyRoutesParts['secrets']): Route[] {
  return [
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: SECRET_PATH,
      describe: DESCRIBE.secret,
      handle: async ({ client }) => jsonReply({ secret: await secrets.current(client) }),
    },
    {
      ...ADMIN_ROUTE,
      method: 'POST',
      path: SECRET_PATH,
      describe: DESCRIBE.newSecret,
      handle: async ({ client }) => jsonReply({ secret: await secrets.renewed(client) }, 201),
    },
  ];
}

function sentRequest(body: Readonly<Record<string, unknown>>): {
  type: PrivacyType;
  identities: VisitorId[];
  callback: string | undefined;
} {
  const type = PRIVACY_TYPES.find((one) => one === body.type);
  if (!type) throw badRequest(`type: must be ${PRIVACY_TYPES.join(' or ')}`);
  const { identities } = body;
  if (!Array.isArray(identities) || identities.length === 0 || identities.length > MAX_IDENTITIES) {
    throw badRequest(`identities: must be a list of 1 to ${MAX_IDENTITIES}`);
  }
  const { callback = null } = body;
  return {
    type,
    identities: identities.map(identityOf),
    callback: callback === null ? undefined : webhookUrl('callback', callback),
  };
}

function identityOf(value: unknown, at: number): VisitorId {
  const where = `identities[${at}]`;
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  const [name, text] = entries[0] ?? [];
  const kind = kindOfName(name);
  if (entries.length !== 1 || !kind)
    throw badRequest(`${where}: must have one member, ${KIND_NAMES.join(' or ')}`);
  const problem = typeof text === 'string' ? idProblem(kind, text) : 'must be a string';
  if (problem !== undefined) throw badRequest(`${where}.${name}: ${problem}`);
  return kind === 'tntId' ? parseTntId(text as string).id : { kind, value: text as string };
}

function viewOf(client: string, request: PrivacyRequest) {
  const { id, type, state, createdAt, finishedAt, results, waitingFor, callback } = request;
  return {
    id,
    type,
    state,
    createdAt: timeText(createdAt),
    finishedAt: timeOrNull(finishedAt),
    results: results.map(({ kind, reference, found, id: text }, place) => ({
      kind: kindName(kind),
      found,
      reference,
      ...(text !== undefined && {
        id: text,
        ...(found && { file: `/${client}/target/privacy/requests/${id}/files/${place + 1}` }),
      }),
    })),
    waitingFor,
    callback: callback
      ? {
          state: callback.state,
          url: callback.url ?? null,
          attempts: callback.attempts,
          error: callback.error || null,
          deliveredAt: timeOrNull(callback.deliveredAt),
        }
      : null,
  };
}

function fileText(client: string, { profile, ids }: LinkedProfile): string {
  const head = JSON.stringify({
    client,
    ids: ids.map(({ kind, value, since }) => ({
      kind: kindName(kind),
      id: value,
      since: timeText(since),
    })),
    modifiedAt: formatTime(profile.modifiedAt),
    expiresAt: formatTime(profile.expiresAt),
  });
  const { attributes } = profile;
  return `${head.slice(0, -1)},"profileAttributes":${attributesJson(attributes, 0, attributes.length)}}`;
}

const EXAMPLE = {
  id: '20260818175339003-4c1fd1a0c6b3',
  type: 'access' as const,
  state: 'complete' as const,
  createdAt: '2026-08-18T17:53:39.003Z',
  finishedAt: '2026-08-18T17:53:39.011Z',
  results: [
    {
      kind: 'thirdPartyId' as const,
      found: true,
      reference: 'q3fT0b2Zk1uN8sWxYv7A4g',
      id: 'crm-4711',
      file: '/demo/target/privacy/requests/20260818175339003-4c1fd1a0c6b3/files/1',
    },
  ],
  waitingFor: [],
  callback: {
    state: 'delivered' as const,
    url: null,
    attempts: 1,
    error: null,
    deliveredAt: '2026-08-18T17:53:39.052Z',
  },
};
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw3Kd1Qk0Zb5E=';

export const PrivacyRequestReply = z
  .object({
    id: z.string(),
    type: z.enum(PRIVACY_TYPES),
    state: z.enum(['running', 'complete']),
    createdAt: z.string(),
    finishedAt: z.string().nullable(),
    results: z.array(
      z.object({
        kind: z.enum(KIND_NAMES),
        found: z.boolean().openapi({ description: 'Whether there was a profile.' }),
        reference: z.string().openapi({ description: 'The keyed hash of the id.' }),
        id: z.string().optional().openapi({ description: 'Of access alone.' }),
        file: z.string().optional().openapi({ description: 'The path of the file of the identity.' }),
      }),
    ),
    waitingFor: z.array(z.string()).openapi({ description: 'What it waits for, in words.' }),
    callback: z
      .object({
        state: z.enum(['waiting', 'delivered', 'failed']),
        url: z.string().nullable().openapi({ description: 'Only while it waits.' }),
        attempts: z.int(),
        error: z.string().nullable().openapi({ description: 'The last error.' }),
        deliveredAt: z.string().nullable(),
      })
      .nullable()
      .openapi({ description: 'Null: none was asked for.' }),
  })
  .openapi('PrivacyRequest', { example: EXAMPLE });

const Identity = z.object({
  tntId: z.string().optional(),
  thirdPartyId: z.string().optional(),
  customerId: z.string().optional(),
  marketingCloudVisitorId: z.string().optional(),
});
const Sent = z
  .object({
    type: z.enum(PRIVACY_TYPES),
    identities: z.array(Identity),
    callback: z
      .string()
      .nullable()
      .optional()
      .openapi({ description: 'A URL that is told when the request is complete.' }),
  })
  .openapi('SentPrivacyRequest', {
    example: {
      type: 'access',
      identities: [{ thirdPartyId: 'crm-4711' }],
      callback: 'https://example.com/hooks/privacy',
    },
  });
const SecretOfCallbacks = z.object({ secret: z.string() }).openapi({ example: { secret: SECRET } });
const File = z
  .object({
    client: z.string(),
    ids: z.array(z.object({ kind: z.enum(KIND_NAMES), id: z.string(), since: z.string() })),
    modifiedAt: z.string(),
    expiresAt: z.string(),
    profileAttributes: z.record(z.string(), z.object({ value: z.string(), modifiedAt: z.string() })),
  })
  .openapi('AccessFile', {
    example: {
      client: 'demo',
      ids: [{ kind: 'thirdPartyId', id: 'crm-4711', since: '2026-08-18T17:53:39.003Z' }],
      modifiedAt: '2026-08-18T17:53:39.003+00:00',
      expiresAt: '2026-09-01T17:53:39.003+00:00',
      profileAttributes: { country: { value: 'france', modifiedAt: '2026-08-18T17:53:39.003+00:00' } },
    },
  });

const IdParam = ClientParam.extend({ id: z.string().openapi({ example: EXAMPLE.id }) });
const shared = { tags: ['Privacy'], security: [{ bearer: [] }] };
const REFUSED = { 401: AdminRefusal('Not the admin') };
const NOT_FOUND = { ...REFUSED, 404: AdminRefusal('No such request') };

const DESCRIBE = {
  take: {
    ...shared,
    summary: 'Access, erase, suppress or unsuppress persons',
    description:
      'It continues by itself, even after a crash, until its state is `complete`. Erased ids are suppressed: nothing that names them is ' +
      'stored again, whichever way it comes. `callback` is sent a signed message in the format of Standard Webhooks when the ' +
      'request is complete; it names no id of the person.',
    request: {
      params: ClientParam,
      body: { required: true, content: { 'application/json': { schema: Sent } } },
    },
    responses: {
      202: { description: 'Taken in', content: { 'application/json': { schema: PrivacyRequestReply } } },
      400: AdminRefusal('A member breaks a rule'),
      ...REFUSED,
    },
  },
  show: {
    ...shared,
    summary: 'A privacy request and its progress',
    request: { params: IdParam },
    responses: {
      200: { description: 'The request', content: { 'application/json': { schema: PrivacyRequestReply } } },
      ...NOT_FOUND,
    },
  },
  file: {
    ...shared,
    summary: 'What is stored of one identity of an access request',
    request: { params: IdParam.extend({ n: z.string().openapi({ example: '1' }) }) },
    responses: {
      200: { description: 'The file', content: { 'application/json': { schema: File } } },
      ...NOT_FOUND,
    },
  },
  secret: {
    ...shared,
    summary: 'The secret that callbacks of privacy requests are signed with',
    request: { params: ClientParam },
    responses: {
      200: { description: 'The secret', content: { 'application/json': { schema: SecretOfCallbacks } } },
      ...REFUSED,
    },
  },
  newSecret: {
    ...shared,
    summary: 'Create a new secret for callbacks, which replaces the current one at once',
    request: { params: ClientParam },
    responses: {
      201: { description: 'The new secret', content: { 'application/json': { schema: SecretOfCallbacks } } },
      ...REFUSED,
    },
  },
} satisfies Record<string, Route['describe']>;
