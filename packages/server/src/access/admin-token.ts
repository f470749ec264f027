/** The admin token: made at the first start, kept readable by its owner alone (contract section 9). */

import { join } from 'node:path';
import { ensureSecretFile } from './secret-file.ts';

/** Where the token is kept in the data folder. */
export const ADMIN_TOKEN_FILE = 'admin-token';

export interface AdminToken {
  readonly token: string;
  /** Whether it was made just now, so that it is shown this once. */
  readonly created: boolean;
}

/**
 * The admin token of a data folder; see {@link ensureSecretFile}.
 *
 * @param dataDir an existing folder
 * @param given the token of the environment; when given it is the token, and no file is read or written
 */
export async function ensureAdminToken(dataDir: string, given: string | undefined): Promise<AdminToken> {
  if (given !== undefined && given !== '') return { token: given, created: false };
  const { secret, created } = await ensureSecretFile(join(dataDir, ADMIN_TOKEN_FILE));
  return { token: secret, created };
}
