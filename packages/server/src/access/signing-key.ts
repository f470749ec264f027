/**
 * The key behind the signatures of profile tokens and console sessions. Each purpose has its own
 * key, derived from it (RFC 5869), so that a signature for one is never valid for another.
 */

import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { ensureSecretFile } from './secret-file.ts';

/** The file of the key in the data folder. */
export const SIGNING_KEY_FILE = 'signing-key';

/** The sources of a key other than the file. */
export interface SigningKeySources {
  /** `QUIVER_SIGNING_KEY`. */
  readonly signingKey: string | undefined;
  /**
   * Edge clusters with the same secret sign alike, so that a profile token from one is valid at
   * all.
   */
  readonly edgeSecret: string | undefined;
}

/**
 * The signing key: the one from the environment, else one derived from the secret of the edge
 * clusters, else that of the data folder.
 */
export async function ensureSigningKey(
  dataDir: string,
  { signingKey, edgeSecret }: SigningKeySources,
): Promise<string> {
  if (signingKey !== undefined) return signingKey;
  if (edgeSecret !== undefined) return derivedKey(edgeSecret, 'signing key').toString('base64url');
  return (await ensureSecretFile(join(dataDir, SIGNING_KEY_FILE))).secret;
}

/** A 32-byte key for one purpose. @param salt a further input that the key depends on */
export function derivedKey(secret: string, purpose: string, salt = ''): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `quiver ${purpose}`, 32));
}
