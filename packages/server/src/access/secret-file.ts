/** A secret that lives in a file of the data folder, readable by its owner alone. */

import { randomBytes } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';

export interface KeptSecret {
  readonly secret: string;
  /** Whether it was made just now. */
  readonly created: boolean;
}

/**
 * The secret of a file, made from 32 random bytes when there is none.
 *
 * The file comes into being whole, with mode 0600, or not at all; of several processes that start at once one makes it and the
 * others read it.
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
  if (others === undefined) throw new Error(`${file} went away while it was read`);
  return { secret: others, created: false };
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(file, 'utf8')).trim();
    if (secret === '') throw new Error(`${file} is empty: delete it, and a new one is made`);
    return secret;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes beside and links into place: a link fails when the name is taken, where a rename would put out another's secret. */
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
