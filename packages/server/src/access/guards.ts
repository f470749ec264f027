/**
 * Checks who may call a route (contract section 9): one guard per kind, each of which throws the
 * refusal.
 */

import { QuiverError } from '../errors.ts';
import { isLater, type NowOrLater, whenKnown } from '../now-or-later.ts';
import type { Call } from '../wire/call.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { GuardKind } from '../wire/route.ts';
import type { AdminLogins } from './admin-logins.ts';
import type { ClientAccess, CurrentClient } from './client-access.ts';
import type { ConsoleSessions } from './console-sessions.ts';

/** Admits a call, or throws a `QuiverError`: `unauthorized`, `forbidden` or `too-many-requests`. */
export type Guard = (call: Call) => NowOrLater<void>;

export interface GuardParts {
  readonly access: ClientAccess;
  readonly logins: AdminLogins;
  readonly sessions: ConsoleSessions;
  /** Scheme, host and port as the caller wrote them. */
  readonly originOf: (call: Call) => string;
  /** The address that a call came from. */
  readonly callerOf: (call: Call) => string | undefined;
}

/**
 * Says how to authenticate. The text is the same whatever was wrong, so it reveals nothing to
 * attackers.
 */
const UNAUTHORIZED =
  'Unauthorized: send the admin token as "Authorization: Bearer <token>"; quiver commands read it from QUIVER_TOKEN';
const SAFE_METHODS = new Set(['GET', 'HEAD']);

export function makeGuards(
  parts: GuardParts,
): Readonly<Record<Exclude<GuardKind, 'edge'>, Guard | undefined>> {
  const { access, logins } = parts;

  function requireProfileToken(current: CurrentClient, call: Call): void {
    if (!current.settings.enableProfileApiAuthentication) return;
    if (!hasProfileToken(call, current)) throw forbidden();
  }

  function hasProfileToken({ request }: Call, current: CurrentClient): boolean {
    return [bearerToken(request), request.headers.get('access_token')].some(
      (token) => typeof token === 'string' && access.isPresentToken(current, 'profile_api', token),
    );
  }

  /**
   * Whether the admin sent the call, authenticated by token or by the console's session; the call
   * then says which.
   */
  async function isAdmin(call: Call): Promise<boolean> {
    const token = bearerToken(call.request);
    if (token !== undefined) {
      // A caller with a profile token, even an expired one or one of another client, is not
      // guessing the admin token.
      if ((await access.hasSigned(token)) || !(await logins.prove(token, parts.callerOf(call)))) return false;
      call.admin = { kind: 'token' };
      return true;
    }
    return isOfConsole(call, parts);
  }

  return {
    open: undefined,
    profileApi(call) {
      const current = access.current(call.client);
      return isLater(current)
        ? whenKnown(current, requireProfileToken, call)
        : requireProfileToken(current, call);
    },
    async adminOrProfileToken(call) {
      if (hasProfileToken(call, await access.current(call.client))) return;
      if (!(await isAdmin(call))) throw forbidden();
    },
    async admin(call) {
      if (await isAdmin(call)) return;
      throw new QuiverError('unauthorized', UNAUTHORIZED, { headers: { 'www-authenticate': 'Bearer' } });
    },
  };
}

/**
 * Whether a call belongs to a session of the console.
 *
 * @throws QuiverError `forbidden` when it would change something and another page might have sent
 *   it
 */
async function isOfConsole(call: Call, { sessions, originOf }: GuardParts): Promise<boolean> {
  const { headers, method } = call.request;
  const session = await sessions.find(headers.get('cookie'));
  if (!session) return false;
  if (!SAFE_METHODS.has(method)) {
    requireSameOrigin(call, originOf);
    if (!sessions.isGenuine(session, headers.get('x-quiver-csrf'))) {
      throw new QuiverError('forbidden', 'X-Quiver-CSRF: must be the csrfToken of the session');
    }
  }
  call.admin = { kind: 'session', session: session.id };
  return true;
}

/**
 * Refuses requests from a page of another origin. Browsers state the origin of every request that
 * may change something; a request without one does not come from a browser.
 *
 * @throws QuiverError `forbidden`
 */
export function requireSameOrigin(call: Call, originOf: (call: Call) => string): void {
  const { headers } = call.request;
  const origin = headers.get('origin');
  const site = headers.get('sec-fetch-site');
  if (origin !== null ? origin !== originOf(call) : site !== null && site !== 'same-origin') {
    throw new QuiverError('forbidden', 'Origin: must be that of the console');
  }
}

function forbidden(): QuiverError {
  return new QuiverError('forbidden', 'Forbidden');
}

/** The token of `Authorization: Bearer …` (RFC 6750 section 2.1); undefined without one. */
function bearerToken(request: HttpRequest): string | undefined {
  const header = request.headers.get('authorization');
  return header === null ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1];
}
