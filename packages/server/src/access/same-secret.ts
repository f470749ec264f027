/** Comparing secrets. */

import { createHash, timingSafeEqual } from 'node:crypto';

/** What {@link isSameSecret} compares with. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/**
 * Whether `candidate` is the secret of that digest. Digests are compared, in a time that does not depend on where they differ, so
 * neither the secret nor its length can be guessed bit by bit.
 */
export function isSameSecret(candidate: string, digest: Buffer): boolean {
  return timingSafeEqual(digestOf(candidate), digest);
}
