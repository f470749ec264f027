/** Reads request bodies, with a limit on the bytes that really arrive. */

import { gunzip } from 'node:zlib';
import { QuiverError } from '../errors.ts';
import { AwaitedBodies } from './awaited-bodies.ts';
import { BodyBudget } from './body-budget.ts';
import { isGzipped } from './content-encoding.ts';
import type { HttpRequest } from './request.ts';

/** How long a body that is read whole may take, in milliseconds. */
const MOST_TIME_MS = 30_000;

const awaitedBodies = new AwaitedBodies(MOST_TIME_MS);

/** The most bytes of large bodies that this process holds at the same time. */
export const MAX_HELD_BODY_BYTES = 256 * 1024 * 1024;
const budget = new BodyBudget(MAX_HELD_BODY_BYTES);

/**
 * Reads a whole body and unpacks it when it is gzip.
 *
 * The limit applies to the bytes that arrive, whatever Content-Length claims and whether or not the
 * body is chunked, and to the unpacked bytes. Reading stops at the first byte beyond it. A larger
 * Content-Length is refused before anything is read.
 *
 * @param maxBytes the most bytes
 * @throws QuiverError `body-too-large`; `bad-request` when the body is cut short or is not gzip;
 *   `request-timeout` when it takes more than 30 seconds; `unsupported-media-type` for any other
 *   Content-Encoding; `unavailable` when too many large bodies arrive at the same time
 */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  const isGzip = isGzipped(request);
  const bytes = await inTime(readBytes(request, maxBytes));
  return isGzip ? unzipped(bytes, maxBytes) : bytes;
}

async function readBytes(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  const length = request.headers.get('content-length');
  if (Number(length ?? 0) > maxBytes) throw tooLarge(maxBytes);
  let counted = budget.take(0, Number(length ?? 0));
  try {
    if (length !== null) {
      // Reading it in pieces is slower. The connection delivers no more bytes than Content-Length
      // says.
      const whole = new Uint8Array(await request.arrayBuffer());
      if (whole.byteLength > maxBytes) throw tooLarge(maxBytes);
      return whole;
    }
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of request.body ?? []) {
      size += piece.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      counted = budget.take(counted, size);
      pieces.push(piece);
    }
    return Buffer.concat(pieces, size);
  } catch (error) {
    throw cutShort(error);
  } finally {
    budget.release(counted);
  }
}

function inTime(reading: Promise<Uint8Array>): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const awaited = awaitedBodies.await(() => reject(tooSlow(MOST_TIME_MS)));
    reading.then(
      (bytes) => {
        awaited.end();
        resolve(bytes);
      },
      (error: unknown) => {
        awaited.end();
        reject(error);
      },
    );
  });
}

/** Not counted in the budget, because the number of threads that unpack bounds it. */
function unzipped(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: maxBytes }, (error, unpacked) => {
      if (error === null) resolve(unpacked);
      else if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(maxBytes));
      else reject(new QuiverError('bad-request', 'body: is not whole gzip', { cause: error }));
    });
  });
}

/** The refusal of a body that ended early; a reason that is already known is kept. */
export function cutShort(cause: unknown): QuiverError {
  if (cause instanceof QuiverError) return cause;
  return new QuiverError('bad-request', 'body: was cut short', { cause });
}

const strictly = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads bytes as UTF-8; a byte order mark at the start is dropped.
 *
 * @throws QuiverError `bad-request` when they are not UTF-8
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return strictly.decode(bytes);
  } catch {
    throw new QuiverError('bad-request', 'body: must be UTF-8');
  }
}

/**
 * The refusal of a body that arrives too slowly; it also closes the connection. @param ms how long
 * it may take
 */
export function tooSlow(ms: number): QuiverError {
  return new QuiverError('request-timeout', `body: must arrive within ${ms / 1000} seconds`, {
    headers: { connection: 'close' },
  });
}

function tooLarge(maxBytes: number): QuiverError {
  return new QuiverError('body-too-large', `body: must have at most ${maxBytes} bytes`);
}
