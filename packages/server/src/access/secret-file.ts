/** A secret in a file of the data folder that only its owner can read. */

import { randomBytes } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';

export interface KeptSecret {
  readonly secret: string;
  /** Whether it was created just now. */
  readonly created: boolean;
}

/**
 * The secret in a file, created from 32 random bytes when there is none.
 *
 * The file is created completely, with mode 0600, or not at all. Of several processes that start at
 * once, one creates it and the others read it.
 *
 * @param file its folder must exist
 * @throws Error when it cannot be read or written, or is empty
 */
export async function ensureSecretFile(file: string): Promise<KeptSecret> {
  const kept = await readSecret(file);
  if (kept !== undefined) return { secret: kept, created: false };
  const secret = randomBytes(32).toString('base64url');
  if (await writeOnce(file, secret)) return { secret, created: true };
  const others = await readSecret(file);
  if (others === undefined) throw new Error(`${file} disappeared while it was read`);
  return { secret: others, created: false };
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(file, 'utf8')).trim();
    if (secret === '') throw new Error(`${file} is empty; delete it to create a new one`);
    return secret;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a temporary file and links it to the final name: a link fails when the name is taken,
 * while a rename would overwrite another process's secret.
 */
async function writeOnce(file: string, secret: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${secret}\n`);
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
