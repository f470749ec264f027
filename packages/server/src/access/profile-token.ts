/** Profile tokens (contract section 9): JSON Web Tokens (RFC 7519), so that the present one can be shown again without being kept. */

import { SignJWT } from 'jose';
import type { TokenFacts } from '../storage/client-store.ts';

/** What a profile token is good for, the only scope there is. */
export const PROFILE_API_SCOPE = 'profile_api';

/** The token that stands for `facts`; the same facts give the same token, to the letter. */
export function signProfileToken(key: Uint8Array, client: string, facts: TokenFacts): Promise<string> {
  return new SignJWT({ client, scope: PROFILE_API_SCOPE })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setJti(facts.id)
    .setIssuedAt(facts.issuedAt / 1000)
    .setExpirationTime(facts.expiresAt / 1000)
    .sign(key);
}
