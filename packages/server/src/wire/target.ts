/**
 * The request target as the caller wrote it, without a URL object.
 *
 * Path segments stay percent-encoded until one is read with {@link decodeSegment}, so that `%2F` in
 * an id is data and never a separator, and so that each escape is decoded exactly once (contract
 * section 4).
 */

import { QuiverError } from '../errors.ts';

/** Where the path begins in an absolute URL such as `Request.url`. */
function pathStart(url: string): number {
  // Bun leaves the URL relative when the Host header cannot be part of an absolute one.
  if (url.charCodeAt(0) === 0x2f) return 0;
  const slash = url.indexOf('/', url.indexOf('://') + 3);
  return slash === -1 ? url.length : slash;
}

/** The path of an absolute URL, still percent-encoded, without query or fragment. */
export function rawPathOf(url: string): string {
  const start = pathStart(url);
  let end = url.indexOf('?', start);
  const fragment = url.indexOf('#', start);
  if (end === -1 || (fragment !== -1 && fragment < end)) end = fragment;
  return end === -1 ? url.slice(start) : url.slice(start, end);
}

/**
 * The query of an absolute URL, still percent-encoded, without its question mark; empty when there
 * is none.
 */
export function rawQueryOf(url: string): string {
  const fragment = url.indexOf('#');
  const end = fragment === -1 ? url.length : fragment;
  const mark = url.indexOf('?');
  return mark === -1 || mark > end ? '' : url.slice(mark + 1, end);
}

/**
 * The length of path and query together, in characters as sent; the limit on URLs applies to it
 * (contract section 5).
 */
export function targetLength(url: string): number {
  return url.length - pathStart(url);
}

/**
 * Percent-decodes one path segment, once and strictly; `+` stays a plus sign.
 *
 * @param member what the segment stands for; the refusal names it
 * @throws QuiverError `bad-request` when an escape is malformed or does not decode to UTF-8
 */
export function decodeSegment(segment: string, member: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new QuiverError('bad-request', `${member}: must be percent-encoded UTF-8`);
  }
}
