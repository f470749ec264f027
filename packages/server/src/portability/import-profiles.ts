/** Imports an export line by line, as it is received (contract section 21). */

import { isUtf8 } from 'node:buffer';
import { isExpired } from '../domain/lifetime.ts';
import type { ProfileLimits } from '../domain/profile-limits.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { ProfileStore } from '../storage/profile-store.ts';
import { isJsonObject } from '../wire/json.ts';
import { LF } from '../wire/line-feed.ts';
import { EXPORT_VERSION, profileOfLine } from './profile-line.ts';

export interface ImportCounts {
  /** Lines with profiles. */
  profiles: number;
  imported: number;
  /** Left out, because they have expired. */
  expired: number;
  /** Left out, because an id is suppressed. */
  suppressed: number;
}

export interface ImportParts {
  readonly store: Pick<ProfileStore, 'adopt'>;
  /**
   * Which ids must not be stored (contract section 22); implemented by `privacy/suppressions.ts`.
   */
  readonly suppressions: {
    /** Undefined when the client has none. */
    of(
      client: string,
    ): ((id: VisitorId) => boolean) | undefined | Promise<((id: VisitorId) => boolean) | undefined>;
  };
  readonly limits: ProfileLimits;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** The longest line, in bytes: all ids and attributes that a profile may have, with escapes. */
const MAX_LINE_BYTES = 16 * 1024 ** 2;
/** How many profiles are written at the same time, so that they share commits. */
const AT_ONCE = 128;

/**
 * Imports the lines of an export into the profiles of a client.
 *
 * @throws QuiverError `bad-request` for the first line that breaks a rule, and for a file without
 *   its last line; earlier lines have been imported
 */
export async function importProfiles(
  { store, suppressions, limits, now }: ImportParts,
  client: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<ImportCounts> {
  const counts: ImportCounts = { profiles: 0, imported: 0, expired: 0, suppressed: 0 };
  const underWay = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  let number = 0;
  let isEnded = false;

  async function takeIn(value: unknown): Promise<void> {
    const adopted = profileOfLine(value, limits, now());
    counts.profiles += 1;
    if (isExpired(adopted.profile, now())) {
      counts.expired += 1;
      return;
    }
    const isSuppressed = await suppressions.of(client);
    if (isSuppressed !== undefined && adopted.ids.some(isSuppressed)) {
      counts.suppressed += 1;
      return;
    }
    const written = store
      .adopt(client, adopted, now())
      .then(() => {
        counts.imported += 1;
      })
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => underWay.delete(written));
    underWay.add(written);
    if (underWay.size >= AT_ONCE) await Promise.race(underWay);
    if (failed) throw failed.error;
  }

  try {
    for await (const line of linesOf(chunks)) {
      number += 1;
      if (line.length === 0) continue;
      const value = jsonOf(line);
      if (number === 1) requireHead(value);
      else if (isEnded) throw new QuiverError('bad-request', 'must not follow the last line of an export');
      else if (isJsonObject(value) && value.end === true) isEnded = true;
      else await takeIn(value);
    }
    number += 1;
    if (!isEnded)
      throw new QuiverError('bad-request', 'must be the last line of an export; the file was cut short');
  } catch (error) {
    await Promise.all(underWay);
    throw error instanceof QuiverError ? atLine(error, number, counts) : error;
  }
  await Promise.all(underWay);
  if (failed) throw (failed as { error: unknown }).error;
  return counts;
}

function requireHead(value: unknown): void {
  const version = isJsonObject(value) ? value.quiverExport : undefined;
  if (version === EXPORT_VERSION) return;
  throw new QuiverError(
    'bad-request',
    version === undefined
      ? 'must be the first line of an export, {"quiverExport":1,…}'
      : `quiverExport: must be ${EXPORT_VERSION}, the version that this server reads`,
  );
}

/** Adds the line to a refusal; errors of the store stay as they are. */
function atLine(error: QuiverError, line: number, { imported }: ImportCounts): QuiverError {
  if (error.code !== 'bad-request') return error;
  const kept = imported === 0 ? 'nothing was changed' : `${imported} profiles before it are in`;
  return new QuiverError('bad-request', `line ${line}: ${error.message}; ${kept}`, { cause: error });
}

function jsonOf(line: Buffer): unknown {
  if (!isUtf8(line)) throw new QuiverError('bad-request', 'must be UTF-8');
  try {
    return JSON.parse(line.toString()) as unknown;
  } catch (cause) {
    throw new QuiverError('bad-request', 'must be a JSON object', { cause });
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      yield withoutCr(Buffer.concat([...pieces, bytes.subarray(start, end)]));
      pieces = [];
      size = 0;
      start = end + 1;
    }
    // A copy, because the chunk may be reused.
    pieces.push(Buffer.from(bytes.subarray(start)));
    size += bytes.length - start;
    if (size > MAX_LINE_BYTES) {
      throw new QuiverError('bad-request', `must have at most ${MAX_LINE_BYTES} bytes`);
    }
  }
  if (size > 0) yield withoutCr(Buffer.concat(pieces));
}

function withoutCr(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}
