/** Reads request bodies of any length chunk by chunk. */

import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { QuiverError } from '../errors.ts';
import { cutShort } from './body.ts';
import { isGzipped } from './content-encoding.ts';
import type { HttpRequest } from './request.ts';

/**
 * Yields the chunks of a body as they arrive, unpacked when it is gzip.
 *
 * @throws QuiverError `bad-request` when the body is cut short or is not gzip;
 *   `unsupported-media-type` for any other Content-Encoding
 */
export async function* unpackedBody(request: HttpRequest): AsyncGenerator<Uint8Array> {
  const isGzip = isGzipped(request);
  if (request.body === null) return;
  try {
    yield* isGzip ? unzipped(request.body) : request.body;
  } catch (cause) {
    if (cause instanceof NotGzip) throw new QuiverError('bad-request', 'body: is not whole gzip', { cause });
    throw cutShort(cause);
  }
}

class NotGzip extends Error {}

async function* unzipped(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const body = Readable.from(packed, { objectMode: false });
  const source = body.pipe(createGunzip());
  let cut: unknown;
  body.once('error', (error) => {
    cut = error;
    source.destroy(error);
  });
  try {
    for await (const chunk of source) yield chunk as Uint8Array;
  } catch (cause) {
    throw cut === undefined ? new NotGzip('', { cause }) : cause;
  } finally {
    body.destroy();
    source.destroy();
  }
}
