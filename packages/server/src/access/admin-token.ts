/** The admin token: made at the first start, kept readable by its owner alone (spec section 9). */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the token is kept in the data folder. */
export const ADMIN_TOKEN_FILE = 'admin-token';

export interface AdminToken {
  readonly token: string;
  /** Whether it was made just now, so that it is shown this once. */
  readonly created: boolean;
}

/**
 * The admin token of a data folder, made from 32 random bytes when there is none.
 *
 * The file comes into being whole, with mode 0600, or not at all; of several processes that start at once one makes it and the
 * others read it.
 *
 * @param dataDir an existing folder
 * @param fromEnv the token of `QUIVER_ADMIN_TOKEN`; when given it is the token, and no file is read or written
 * @throws Error when the folder cannot be read or written, or the file is empty
 */
export async function ensureAdminToken(dataDir: string, fromEnv: string | undefined): Promise<AdminToken> {
  if (fromEnv !== undefined && fromEnv !== '') return { token: fromEnv, created: false };
  const file = join(dataDir, ADMIN_TOKEN_FILE);
  const kept = await readToken(file);
  if (kept !== undefined) return { token: kept, created: false };
  const token = randomBytes(32).toString('base64url');
  if (await writeOnce(file, token)) return { token, created: true };
  const others = await readToken(file);
  if (others === undefined) throw new Error(`${file} went away while it was read`);
  return { token: others, created: false };
}

/**
 * Makes the test for an admin token. Digests are compared, in a time that does not depend on where they differ, so neither the
 * token nor its length can be guessed bit by bit.
 */
export function adminTokenTest(adminToken: string): (candidate: string) => boolean {
  const expected = digest(adminToken);
  return (candidate) => timingSafeEqual(digest(candidate), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

async function readToken(file: string): Promise<string | undefined> {
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token === '') throw new Error(`${file} is empty: delete it, and a new admin token is made`);
    return token;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes beside and links into place: a link fails when the name is taken, where a rename would put out another's token. */
async function writeOnce(file: string, token: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${token}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
