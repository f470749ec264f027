/** Request bodies, read with a bound on what really comes. */

import { QuiverError } from '../errors.ts';
import { AwaitedBodies } from './awaited-bodies.ts';
import { BodyBudget } from './body-budget.ts';
import { contentEncodingOf } from './content-encoding.ts';

const EMPTY = new Uint8Array(0);
/**
 * A body that is read whole must have come by then, in milliseconds. Without it one byte now and then would hold a connection for ever, for
 * a runtime's own limit may count silence alone.
 */
const MOST_TIME = 30_000;

const awaitedBodies = new AwaitedBodies(MOST_TIME);

/** The most bytes of large bodies that this process holds at the same time. */
export const MAX_HELD_BODY_BYTES = 256 * 1024 * 1024;
const budget = new BodyBudget(MAX_HELD_BODY_BYTES);

/** Reads a body that says how long it is. */
function readWhole(request: Request, length: number, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const counted = budget.take(0, length);
    const awaited = awaitedBodies.await(() => reject(tooSlow(MOST_TIME)));
    request.arrayBuffer().then(
      (bytes) => {
        awaited.end();
        budget.release(counted);
        if (bytes.byteLength > maxBytes) reject(tooLarge(maxBytes));
        else resolve(new Uint8Array(bytes));
      },
      (cause) => {
        awaited.end();
        budget.release(counted);
        reject(cutShort(cause));
      },
    );
  });
}

function cutShort(cause: unknown): QuiverError {
  return new QuiverError('bad-request', 'body: was cut short', { cause });
}

/**
 * Reads a body whole.
 *
 * The bound is on the bytes that arrive, whatever Content-Length claims and whether or not the body is chunked; reading stops at
 * the first byte beyond it. A Content-Length beyond it is refused before anything is read.
 *
 * @param maxBytes the most bytes
 * @throws QuiverError `body-too-large`; `unavailable` when too many large bodies come at the same time; `bad-request` when the body is cut short, takes more than 30 seconds, or is packed with a
 *   Content-Encoding
 */
export function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const { headers } = request;
  const encoding = contentEncodingOf(headers);
  if (encoding !== 'identity') {
    const problem = `must not be ${encoding} here; send the body as it is`;
    return Promise.reject(new QuiverError('bad-request', `Content-Encoding: ${problem}`));
  }
  const length = headers.get('content-length');
  if (Number(length ?? 0) > maxBytes) return Promise.reject(tooLarge(maxBytes));
  // Of a request that says its length no more can come than that; to read it as a stream takes several times as long.
  const isWhole = length !== null && !headers.has('transfer-encoding');
  return isWhole ? readWhole(request, Number(length) || 0, maxBytes) : readStream(request, maxBytes);
}

async function readStream(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (request.body === null) return EMPTY;
  const chunks: Uint8Array[] = [];
  let size = 0;
  let counted = 0;
  const reader = request.body.getReader();
  // Whether the sender minds that we stop listening is of no interest: the answer is the same.
  const stopListening = () => void reader.cancel().catch(() => undefined);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    stopListening();
  }, MOST_TIME);
  try {
    for (;;) {
      const chunk = await reader.read().catch((cause: unknown) => {
        throw isLate ? tooSlow(MOST_TIME) : cutShort(cause);
      });
      if (isLate) throw tooSlow(MOST_TIME);
      if (chunk.done) break;
      size += chunk.value.byteLength;
      if (size > maxBytes) {
        throw tooLarge(maxBytes);
      }
      counted = budget.take(counted, size);
      chunks.push(chunk.value);
    }
  } catch (error) {
    stopListening();
    throw error;
  } finally {
    clearTimeout(timer);
    budget.release(counted);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
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

/** The refusal of a body that trickles; the connection goes with it. @param ms how long it may take */
export function tooSlow(ms: number): QuiverError {
  return new QuiverError('bad-request', `body: must arrive within ${ms / 1000} seconds`, {
    headers: { connection: 'close' },
  });
}

function tooLarge(maxBytes: number): QuiverError {
  return new QuiverError('body-too-large', `body: must have at most ${maxBytes} bytes`);
}
