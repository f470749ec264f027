/** Profile tokens over Adobe's Admin API (contract section 9): make, show, and (ours) end one. */

import { z } from '@hono/zod-openapi';
import { QuiverError } from '../errors.ts';
import { ADMIN_MEDIA_TYPE, ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { lastValue } from '../wire/parameters.ts';
import { emptyReply, jsonReply } from '../wire/replies.ts';
import type { Call, Route } from '../wire/route.ts';
import type { ClientAccess, PresentToken } from './client-access.ts';
import { MAX_TOKEN_LIFETIME_DAYS } from './client-settings.ts';
import { PROFILE_API_SCOPE } from './profile-token.ts';

const PATH = '/{client}/target/authentication/token';
const MAX_SECONDS = MAX_TOKEN_LIFETIME_DAYS * 86_400;

const TokenReply = z
  .object({
    accessToken: z.string(),
    tokenType: z.literal('bearer'),
    scope: z.literal(PROFILE_API_SCOPE),
    expiresIn: z.int().openapi({ description: 'Seconds that are left.' }),
  })
  .openapi('ProfileToken', {
    example: {
      accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjbGllbnQiOiJkZW1vIn0.c2lnbmF0dXJl',
      tokenType: 'bearer',
      scope: PROFILE_API_SCOPE,
      expiresIn: 15_552_000,
    },
  });

const ScopeQuery = z.object({
  authorizationScope: z
    .string()
    .optional()
    .openapi({ description: 'Must be `profile_api`; `scope` means the same.', example: PROFILE_API_SCOPE }),
  scope: z.string().optional().openapi({ example: PROFILE_API_SCOPE }),
});
const ExpiresInQuery = z.object({
  expiresIn: z
    .string()
    .optional()
    .openapi({
      description: `Seconds that the token is good, 1 to ${MAX_SECONDS}; by default \`tokenLifetimeDays\` of the settings.`,
      example: '2592000',
    }),
});
const NewTokenQuery = ScopeQuery.extend(ExpiresInQuery.shape);

/** @param now epoch milliseconds */
export function tokenRoutes(access: ClientAccess, now: () => number): Route[] {
  const reply = (token: PresentToken, status: number) =>
    jsonReply(
      {
        accessToken: token.text,
        tokenType: 'bearer',
        scope: PROFILE_API_SCOPE,
        expiresIn: Math.max(0, Math.ceil((token.expiresAt - now()) / 1000)),
      },
      status,
      { 'content-type': ADMIN_MEDIA_TYPE },
    );
  const noToken = (client: string) =>
    new QuiverError('not-found', `No profile authentication token for client ${client}`);

  return [
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: PATH,
      describe: describe('Show the present profile token', 200, ScopeQuery, TokenReply),
      async handle(call) {
        requireScope(call);
        const { token } = await access.latest(call.client);
        if (!token || token.expiresAt <= now()) throw noToken(call.client);
        return reply(token, 200);
      },
    },
    {
      ...ADMIN_ROUTE,
      method: 'POST',
      path: PATH,
      describe: describe(
        'Make a new profile token, which ends the present one at once',
        201,
        NewTokenQuery,
        TokenReply,
      ),
      async handle(call) {
        requireScope(call);
        const { token } = await access.renewToken(call.client, secondsOf(call));
        return reply(token!, 201);
      },
    },
    {
      ...ADMIN_ROUTE,
      method: 'DELETE',
      path: PATH,
      describe: describe('End the present profile token', 204, ScopeQuery),
      async handle(call) {
        requireScope(call);
        const { record } = await access.latest(call.client);
        if (!record.token) throw noToken(call.client);
        await access.endToken(call.client);
        return emptyReply();
      },
    },
  ];
}

function requireScope({ query }: Call): void {
  const scope = lastValue(query, 'authorizationScope') ?? lastValue(query, 'scope');
  if (scope === PROFILE_API_SCOPE) return;
  throw new QuiverError('bad-request', `authorizationScope: must be ${PROFILE_API_SCOPE}`);
}

function secondsOf({ query }: Call): number | undefined {
  const text = lastValue(query, 'expiresIn');
  if (text === undefined || text === '') return undefined;
  const seconds = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > MAX_SECONDS) {
    throw new QuiverError(
      'bad-request',
      `expiresIn: must be a whole number of seconds from 1 to ${MAX_SECONDS}`,
    );
  }
  return seconds;
}

function describe(summary: string, status: number, query: z.ZodObject, schema?: z.ZodType) {
  const content = schema && { [ADMIN_MEDIA_TYPE]: { schema } };
  return {
    tags: ['Access'],
    summary,
    security: [{ bearer: [] }],
    request: { params: ClientParam, query },
    responses: {
      [status]: { description: summary, ...(content && { content }) },
      401: AdminRefusal('Not the admin'),
      ...(status === 201
        ? { 400: AdminRefusal('A bad scope or time') }
        : { 404: AdminRefusal('There is none') }),
    },
  };
}
