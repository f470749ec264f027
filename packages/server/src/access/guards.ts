/** Who may pass (spec section 9): one guard a kind, each throws the refusal. */

import { QuiverError } from '../errors.ts';
import type { Call, GuardKind } from '../wire/route.ts';
import { adminTokenTest } from './admin-token.ts';

/** Lets a call through, or throws a `QuiverError`: `unauthorized` or `forbidden`. */
export type Guard = (call: Call) => void | Promise<void>;

/** The guards of a server whose admin token is `adminToken`. */
export function makeGuards(adminToken: string): Readonly<Record<GuardKind, Guard | undefined>> {
  const isAdminToken = adminTokenTest(adminToken);
  const sentByAdmin = ({ request }: Call): boolean => {
    const token = bearerToken(request);
    return token !== undefined && isAdminToken(token);
  };
  return {
    open: undefined,
    // Profile tokens come with the clients' settings; until then no client can ask for them.
    profileApi: undefined,
    adminOrProfileToken: (call) => {
      if (!sentByAdmin(call)) throw new QuiverError('forbidden', 'Forbidden');
    },
    admin: (call) => {
      if (!sentByAdmin(call)) {
        throw new QuiverError('unauthorized', 'Unauthorized', { headers: { 'www-authenticate': 'Bearer' } });
      }
    },
  };
}

/** The token of `Authorization: Bearer …` (RFC 6750 section 2.1); undefined without one. */
function bearerToken(request: Request): string | undefined {
  const header = request.headers.get('authorization');
  return header === null ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1];
}
