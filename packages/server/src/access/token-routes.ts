/**
 * Tokens of a client over Adobe's Admin API (contract section 9): create, show, and (our addition)
 * revoke one.
 */

import { QuiverError } from '../errors.ts';
import { ADMIN_MEDIA_TYPE, ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import type { Call } from '../wire/call.ts';
import { lastValue } from '../wire/parameters.ts';
import { emptyReply, jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import type { ClientAccess, PresentToken } from './client-access.ts';
import { MAX_TOKEN_LIFETIME_DAYS } from './client-settings.ts';
import { TOKEN_SCOPES, type TokenScope } from './client-token.ts';

const PATH = '/{client}/target/authentication/token';
const MAX_SECONDS = MAX_TOKEN_LIFETIME_DAYS * 86_400;

export const TokenReply = z
  .object({
    accessToken: z.string(),
    tokenType: z.literal('bearer'),
    scope: z.enum(TOKEN_SCOPES),
    expiresIn: z.int().openapi({ description: 'Remaining seconds.' }),
  })
  .openapi('ClientToken', {
    example: {
      accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjbGllbnQiOiJkZW1vIn0.c2lnbmF0dXJl',
      tokenType: 'bearer',
      scope: 'profile_api',
      expiresIn: 15_552_000,
    },
  });

const ScopeQuery = z.object({
  authorizationScope: z.string().optional().openapi({
    description:
      '`profile_api` for a profile token; `debug_tools` for a debug token, which reveals the trace of a visit. `scope` means the same.',
    example: 'profile_api',
  }),
  scope: z.string().optional().openapi({ example: 'profile_api' }),
});
const ExpiresInQuery = z.object({
  expiresIn: z
    .string()
    .optional()
    .openapi({
      description: `Seconds that the token is valid, 1 to ${MAX_SECONDS}; by default \`tokenLifetimeDays\` of the settings, for a debug token 6 hours.`,
      example: '2592000',
    }),
});
const NewTokenQuery = ScopeQuery.extend(ExpiresInQuery.shape);

/**
 * Long because it is the list of its routes, each with its description for `/openapi.json`.
 *
 * @param now epoch milliseconds
 */
export function tokenRoutes(access: ClientAccess, now: () => number): Route[] {
  const reply = (token: PresentToken, scope: TokenScope, status: number) =>
    jsonReply(
      {
        accessToken: token.text,
        tokenType: 'bearer',
        scope,
        expiresIn: Math.max(0, Math.ceil((token.expiresAt - now()) / 1000)),
      },
      status,
      { 'content-type': ADMIN_MEDIA_TYPE },
    );
  const noToken = (client: string, scope: TokenScope) => {
    const kind = scope === 'profile_api' ? 'profile authentication' : 'debug';
    return new QuiverError('not-found', `No ${kind} token for client ${client}`);
  };

  return [
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: PATH,
      describe: describe('Show the current token', 200, ScopeQuery, TokenReply),
      async handle(call) {
        const scope = scopeOf(call);
        const token = (await access.latest(call.client)).tokens[scope];
        if (!token || token.expiresAt <= now()) throw noToken(call.client, scope);
        return reply(token, scope, 200);
      },
    },
    {
      ...ADMIN_ROUTE,
      method: 'POST',
      path: PATH,
      describe: describe(
        'Create a new token, which revokes the current one of its scope at once',
        201,
        NewTokenQuery,
        TokenReply,
      ),
      async handle(call) {
        const scope = scopeOf(call);
        const { tokens } = await access.renewToken(call.client, scope, secondsOf(call));
        return reply(tokens[scope]!, scope, 201);
      },
    },
    {
      ...ADMIN_ROUTE,
      method: 'DELETE',
      path: PATH,
      describe: describe('Revoke the current token', 204, ScopeQuery),
      async handle(call) {
        const scope = scopeOf(call);
        const { tokens } = await access.latest(call.client);
        if (!tokens[scope]) throw noToken(call.client, scope);
        await access.endToken(call.client, scope);
        return emptyReply();
      },
    },
  ];
}

function scopeOf({ query }: Call): TokenScope {
  const sent = lastValue(query, 'authorizationScope') ?? lastValue(query, 'scope');
  const scope = TOKEN_SCOPES.find((known) => known === sent);
  if (scope) return scope;
  throw new QuiverError('bad-request', `authorizationScope: must be ${TOKEN_SCOPES.join(' or ')}`);
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
        ? { 400: AdminRefusal('An invalid scope or time') }
        : { 404: AdminRefusal('There is none') }),
    },
  };
}
