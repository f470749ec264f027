/**
 * The admin token: created at the first start, in a file that only its owner can read (contract
 * section 9).
 */

import { join } from 'node:path';
import { ensureSecretFile } from './secret-file.ts';

/** The file of the token in the data folder. */
export const ADMIN_TOKEN_FILE = 'admin-token';

export interface AdminToken {
  readonly token: string;
  /** Whether it was created just now; a terminal then shows it once. */
  readonly created: boolean;
}

/**
 * The admin token of a data folder; see {@link ensureSecretFile}.
 *
 * @param dataDir an existing folder
 * @param given the token from the environment; if set, it is the token, and no file is read or
 *   written
 */
export async function ensureAdminToken(dataDir: string, given: string | undefined): Promise<AdminToken> {
  if (given !== undefined && given !== '') return { token: given, created: false };
  const { secret, created } = await ensureSecretFile(join(dataDir, ADMIN_TOKEN_FILE));
  return { token: secret, created };
}
