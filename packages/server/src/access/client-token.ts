/**
 * Tokens of a client (contract section 9): JSON Web Tokens (RFC 7519), so that the current one can
 * be shown again without being stored.
 */

import { compactVerify, SignJWT } from 'jose';
import type { TokenFacts } from '../storage/kept/client-store.ts';

/** What a token permits: calling the profile APIs, or seeing the trace of a visit. */
export const TOKEN_SCOPES = ['profile_api', 'debug_tools'] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** The token for `facts`; equal facts give exactly the same token. */
export function signToken(
  key: Uint8Array,
  client: string,
  scope: TokenScope,
  facts: TokenFacts,
): Promise<string> {
  return new SignJWT({ client, scope })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setJti(facts.id)
    .setIssuedAt(facts.issuedAt / 1000)
    .setExpirationTime(facts.expiresAt / 1000)
    .sign(key);
}

/** Whether a text was signed by {@link signToken} with this key, whatever it says. */
export async function isSignedToken(key: Uint8Array, text: string): Promise<boolean> {
  try {
    await compactVerify(text, key, { algorithms: ['HS256'] });
    return true;
  } catch {
    return false;
  }
}
