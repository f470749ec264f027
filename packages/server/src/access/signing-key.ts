/**
 * The key that profile tokens and console sessions are signed with. Every purpose has a key of its own, derived from it (RFC 5869), so
 * that nothing signed for one can be taken for another.
 */

import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { ensureSecretFile } from './secret-file.ts';

/** Where the key is kept in the data folder. */
export const SIGNING_KEY_FILE = 'signing-key';

/** Where a key may come from beside the file. */
export interface SigningKeySources {
  /** `QUIVER_SIGNING_KEY`. */
  readonly signingKey: string | undefined;
  /** Edge clusters that know each other sign alike, so that a profile token made at one is good at all. */
  readonly edgeSecret: string | undefined;
}

/** The signing key: the one of the environment, else the one that all edge clusters share, else that of the data folder. */
export async function ensureSigningKey(
  dataDir: string,
  { signingKey, edgeSecret }: SigningKeySources,
): Promise<string> {
  if (signingKey !== undefined) return signingKey;
  if (edgeSecret !== undefined) return derivedKey(edgeSecret, 'signing key').toString('base64url');
  return (await ensureSecretFile(join(dataDir, SIGNING_KEY_FILE))).secret;
}

/** A key of 32 bytes for one purpose. @param salt what else it shall depend on */
export function derivedKey(secret: string, purpose: string, salt = ''): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `quiver ${purpose}`, 32));
}
