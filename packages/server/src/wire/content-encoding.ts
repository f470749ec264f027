/** How a request body is packed (RFC 9110, section 8.4). */

/**
 * The Content-Encoding in lower case; `identity` when there is none, `gzip` for its old name `x-gzip`
 * too. Several encodings come back as they are, `gzip, gzip`.
 */
export function contentEncodingOf(headers: Headers): string {
  const sent = headers.get('content-encoding');
  if (sent === null) return 'identity';
  const encoding = sent.trim().toLowerCase();
  return encoding === 'x-gzip' ? 'gzip' : encoding;
}
