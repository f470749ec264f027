/** Request bodies, read with a bound on what really comes. */

import { QuiverError } from '../errors.ts';

const EMPTY = new Uint8Array(0);

/**
 * Reads a body whole.
 *
 * The bound is on the bytes that arrive, whatever Content-Length claims and whether or not the body is chunked; reading stops at
 * the first byte beyond it. A Content-Length beyond it is refused before anything is read.
 *
 * @param maxBytes the most bytes
 * @throws QuiverError `body-too-large`; `bad-request` when the body is cut short or packed with a Content-Encoding
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const encoding = request.headers.get('content-encoding');
  if (encoding !== null && encoding.trim().toLowerCase() !== 'identity') {
    throw new QuiverError(
      'bad-request',
      `Content-Encoding: must not be ${encoding} here; send the body as it is`,
    );
  }
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return EMPTY;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const chunk = await reader.read().catch((cause: unknown) => {
      throw new QuiverError('bad-request', 'body: was cut short', { cause });
    });
    if (chunk.done) break;
    size += chunk.value.byteLength;
    if (size > maxBytes) {
      // Whether the sender minds that we stop listening is of no interest: the answer is the same.
      reader.cancel().catch(() => undefined);
      throw tooLarge(maxBytes);
    }
    chunks.push(chunk.value);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

/**
 * Reads bytes as UTF-8; a byte order mark at the start is dropped.
 *
 * @throws QuiverError `bad-request` when they are not UTF-8
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new QuiverError('bad-request', 'body: must be UTF-8');
  }
}

function tooLarge(maxBytes: number): QuiverError {
  return new QuiverError('body-too-large', `body: must have at most ${maxBytes} bytes`);
}
