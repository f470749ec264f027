/** Compares secrets in constant time. */

import { createHash, timingSafeEqual } from 'node:crypto';

/** The digest of a secret, for {@link isSameSecret}. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/**
 * Whether `candidate` is the secret with that digest. Digests are compared in a time that does not
 * depend on where they differ, so neither the secret nor its length can be guessed piece by piece.
 */
export function isSameSecret(candidate: string, digest: Buffer): boolean {
  return timingSafeEqual(digestOf(candidate), digest);
}
