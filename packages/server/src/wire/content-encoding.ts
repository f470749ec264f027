/** How a request body is packed (RFC 9110, section 8.4). */

import { QuiverError } from '../errors.ts';
import type { HttpRequest } from './request.ts';

/**
 * Whether a body is sent as gzip, or as `x-gzip`, its old name.
 *
 * @throws QuiverError `unsupported-media-type` for any other Content-Encoding (RFC 9110 section
 *   15.5.16)
 */
export function isGzipped({ headers }: Pick<HttpRequest, 'headers'>): boolean {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding === 'gzip' || encoding === 'x-gzip') return true;
  if (encoding === 'identity' || encoding === '') return false;
  throw new QuiverError(
    'unsupported-media-type',
    `Content-Encoding: must be gzip or absent, not ${encoding}`,
    {
      headers: { 'accept-encoding': 'gzip' },
    },
  );
}
