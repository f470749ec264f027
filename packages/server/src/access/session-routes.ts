/** Signs in to the console and out of it. */

import { QuiverError } from '../errors.ts';
import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { readJsonObject } from '../wire/json.ts';
import { emptyReply, jsonReply } from '../wire/replies.ts';
import type { Method, Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';
import type { AdminLogins } from './admin-logins.ts';
import {
  type ConsoleSession,
  type ConsoleSessions,
  SESSION_COOKIE,
  SESSION_SECONDS,
} from './console-sessions.ts';
import { requireSameOrigin } from './guards.ts';

/** The largest body of a login, in bytes. */
const MAX_LOGIN = 4096;

export interface SessionRoutesParts {
  readonly sessions: ConsoleSessions;
  readonly logins: AdminLogins;
  /** Client codes served. */
  readonly clients: readonly string[];
  /** Scheme, host and port as the caller wrote them. */
  readonly originOf: (call: Call) => string;
  /** The address that a call came from. */
  readonly callerOf: (call: Call) => string | undefined;
}

const Login = z.object({ token: z.string() }).openapi('Login', { example: { token: '<admin token>' } });
const SessionReply = z
  .object({
    clients: z.array(z.string()).openapi({ description: 'Client codes served.' }),
    csrfToken: z
      .string()
      .openapi({ description: 'Must be sent as `X-Quiver-CSRF` with every request that changes something.' }),
    expiresAt: z.string(),
  })
  .openapi('ConsoleSession', {
    example: { clients: ['demo'], csrfToken: 'q0b1…', expiresAt: '2026-08-19T05:53:39.000Z' },
  });

export function sessionRoutes({
  sessions,
  logins,
  clients,
  originOf,
  callerOf,
}: SessionRoutesParts): Route[] {
  const reply = ({ csrfToken, expiresAt }: ConsoleSession, cookie?: string) =>
    jsonReply(
      { clients, csrfToken, expiresAt: timeText(expiresAt) },
      200,
      cookie === undefined ? {} : { 'set-cookie': cookie },
    );
  const cookie = (call: Call, value: string, seconds: number) => {
    const secure = originOf(call).startsWith('https:') ? '; Secure' : '';
    return `${SESSION_COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
  };

  return [
    {
      ...route('POST', 'Sign in to the console with the admin token', {
        body: { content: { 'application/json': { schema: Login } } },
      }),
      async handle(call) {
        requireSameOrigin(call, originOf);
        const { token } = readJsonObject(await readBody(call.request, MAX_LOGIN));
        if (typeof token !== 'string') throw new QuiverError('bad-request', 'token: must be a string');
        if (!(await logins.prove(token, callerOf(call)))) {
          throw new QuiverError('unauthorized', 'token: is not the admin token');
        }
        const begun = await sessions.begin();
        return reply(begun.session, cookie(call, begun.cookie, SESSION_SECONDS));
      },
    },
    {
      ...route('GET', 'The session of the console'),
      async handle({ request }) {
        const session = await sessions.find(request.headers.get('cookie'));
        if (!session) throw new QuiverError('unauthorized', 'Not signed in');
        return reply(session);
      },
    },
    {
      ...route('DELETE', 'Sign out'),
      async handle(call) {
        requireSameOrigin(call, originOf);
        await sessions.end(call.request.headers.get('cookie'));
        return emptyReply({ 'set-cookie': cookie(call, '', 0) });
      },
    },
  ];
}

function route(method: Method, summary: string, request: object = {}): Omit<Route, 'handle'> {
  return {
    // A caller who signs in has no credential yet.
    guard: 'open',
    style: 'json',
    cors: 'none',
    scope: 'server',
    method,
    path: '/console/session',
    describe: {
      tags: ['Console'],
      summary,
      request,
      responses:
        method === 'DELETE'
          ? { 204: { description: 'Signed out' } }
          : {
              200: { description: 'The session', content: { 'application/json': { schema: SessionReply } } },
              401: { description: 'Not the admin token, or not signed in' },
              ...(method === 'POST' && { 429: { description: 'Too many failed logins from this address' } }),
            },
    },
  };
}
