/** Tokens of a client (contract section 9): JSON Web Tokens (RFC 7519), so that the present one can be shown again without being kept. */

import { compactVerify, SignJWT } from 'jose';
import type { TokenFacts } from '../storage/kept/client-store.ts';

/** What a token is good for: the profile APIs, or the trace of a visit. */
export const TOKEN_SCOPES = ['profile_api', 'debug_tools'] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** The token that stands for `facts`; the same facts give the same token, to the letter. */
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
