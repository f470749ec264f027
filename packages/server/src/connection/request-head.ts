/**
 * Checks what the parser found in a head by the rules that llhttp leaves to the server: one Host,
 * an unambiguous target, and a version and framing that are supported (RFC 9110, RFC 9112).
 */

import { QuiverError } from '../errors.ts';
import { IncomingHeaders } from './incoming-request.ts';
import { MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES } from './limits.ts';
import type { RequestParser } from './request-parser.ts';

export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHeaders;
  /** Whether the client speaks HTTP/1.0, which knows neither chunks nor `100 Continue`. */
  readonly isOld: boolean;
  /** Whether the connection may be used again after this request. */
  readonly keepsAlive: boolean;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

/** A host name or an address, perhaps with a port; no user, no list. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i;
/** Visible ASCII without `#` and backslash: a target that all programs read in the same way. */
export const PLAIN_TARGET = /^\/[!"$-[\]-~]*$/;
/** The scheme and the authority of an absolute target. */
const ABSOLUTE_START = /^https?:\/\/([^/?#]*)/i;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const TOKEN_THEN_BLANK = /^[\r\n]*[!#$%&'*+.^_`|~0-9A-Za-z-]+ /;

/**
 * Reads a head that the parser has completed.
 *
 * @throws QuiverError that says what is wrong with it
 */
export function readHead(parser: RequestParser): RequestHead {
  const { text, spans } = parser;
  if (parser.isHeadTooLong || spans.length > 4 * MAX_HEADERS + 2) throw tooLong(parser);
  const target = text.slice(spans[0], spans[1]);
  if (target.length > MAX_TARGET_BYTES) throw tooLong(parser);
  const isOld = parser.version === 10;
  if (!isOld && parser.version !== 11) {
    throw new QuiverError('version-not-supported', 'version: must be HTTP/1.1 or HTTP/1.0');
  }
  const method = methodOf(parser);
  if (method === 'CONNECT') throw new QuiverError('not-implemented', 'CONNECT: this is no proxy');
  const raw = headersOf(parser);
  const { host, expect, closes } = checkHeaders(raw, isOld);
  const expects = !isOld && expect !== undefined;
  if (expects && expect.toLowerCase() !== '100-continue') {
    throw new QuiverError('expectation-failed', `Expect: must be 100-continue, not ${expect}`);
  }
  const headers = new IncomingHeaders(raw);
  const plain = PLAIN_TARGET.test(target) ? target : plainTarget(target, method, host);
  const keepsAlive = parser.keepsAlive && !closes;
  return { method, target: plain, headers, isOld, keepsAlive, expectsContinue: expects };
}

/**
 * What is known of a request whose head cannot be read, so that it is refused in the style of its
 * route.
 */
export function partOfHead(parser: RequestParser): { method: string; target: string; raw: string[] } {
  const { spans, text } = parser;
  const target = spans.length > 0 ? text.slice(spans[0], spans[1]) : '';
  const isKnown = PLAIN_TARGET.test(target);
  return { method: methodOf(parser), target: isKnown ? target : '/', raw: isKnown ? headersOf(parser) : [] };
}

/** The reason why the parser or its limits refuse a message. */
export function refusalOf(parser: RequestParser): QuiverError {
  const { error, text } = parser;
  if (!error || parser.isHeadTooLong) return tooLong(parser);
  if (error.about === 'target') {
    return new QuiverError('bad-request', 'target: must be visible ASCII; percent-encode all else');
  }
  if (error.about === 'method' && TOKEN_THEN_BLANK.test(text)) {
    return new QuiverError('not-implemented', 'method: is not one that is known here');
  }
  if (error.about === 'version') {
    return new QuiverError('version-not-supported', 'version: must be HTTP/1.1 or HTTP/1.0');
  }
  return new QuiverError('bad-request', `request: ${error.reason}`);
}

function tooLong({ spans }: RequestParser): QuiverError {
  const isTarget = spans.length <= 2 || spans[1]! - spans[0]! > MAX_TARGET_BYTES;
  return isTarget
    ? new QuiverError('url-too-long', `URL: must have at most ${MAX_TARGET_BYTES} bytes`)
    : new QuiverError(
        'headers-too-large',
        `headers: must be at most ${MAX_HEADERS}, with at most ${MAX_HEAD_BYTES} bytes`,
      );
}

function methodOf({ text, spans }: RequestParser): string {
  return text.slice(0, spans[0] ?? 0).trim();
}

/** Names and values in turn, without whitespace around the values. */
function headersOf({ text, spans }: RequestParser): string[] {
  const raw: string[] = [];
  for (let at = 2; at + 3 < spans.length; at += 4) {
    raw.push(text.slice(spans[at], spans[at + 1]), text.slice(spans[at + 2], spans[at + 3]).trimEnd());
  }
  return raw;
}

interface CheckedHeaders {
  readonly host: string | undefined;
  readonly expect: string | undefined;
  /** Whether `Connection: close` was sent. */
  readonly closes: boolean;
}

function checkHeaders(raw: readonly string[], isOld: boolean): CheckedHeaders {
  let host: string | undefined;
  let expect: string | undefined;
  let closes = false;
  for (let at = 0; at < raw.length; at += 2) {
    const { length } = raw[at]!;
    if (length !== 4 && length !== 6 && length !== 10 && length !== 17) continue;
    const name = raw[at]!.toLowerCase();
    const value = raw[at + 1]!;
    if (name === 'host') {
      if (host !== undefined) throw new QuiverError('bad-request', 'Host: must be sent once');
      host = value;
    } else if (name === 'expect') {
      expect = expect === undefined ? value : `${expect}, ${value}`;
    } else if (name === 'connection') {
      // llhttp gives `keep-alive` of HTTP/1.0 precedence over `close` (RFC 9112 section 9.3).
      closes ||= CLOSE.test(value);
    } else if (name === 'transfer-encoding') {
      if (isOld) throw new QuiverError('bad-request', 'Transfer-Encoding: is not part of HTTP/1.0');
      if (value.toLowerCase() !== 'chunked') {
        throw new QuiverError('not-implemented', 'Transfer-Encoding: must be chunked alone');
      }
    }
  }
  if (host === undefined && !isOld) throw new QuiverError('bad-request', 'Host: must be sent');
  // An empty Host says that the target has no authority (RFC 9112 section 3.2).
  if (host !== undefined && host !== '' && !HOST.test(host)) {
    throw new QuiverError('bad-request', 'Host: must be one host name');
  }
  return { host, expect, closes };
}

/** The path and query of a target that is not plain. @throws QuiverError when it is ambiguous */
function plainTarget(target: string, method: string, host: string | undefined): string {
  const bad = (rule: string) => new QuiverError('bad-request', `target: ${rule}`);
  if (target === '*' && method === 'OPTIONS') return '*';
  const [start, authority] = ABSOLUTE_START.exec(target) ?? [];
  if (start !== undefined && authority !== undefined) {
    const rest = target.slice(start.length);
    if (authority.toLowerCase() !== host?.toLowerCase())
      throw bad('its host must be that of the Host header');
    const own = rest.startsWith('/') ? rest : `/${rest}`;
    return PLAIN_TARGET.test(own) ? own : plainTarget(own, method, host);
  }
  if (!target.startsWith('/')) throw bad('must be a path that starts with a slash');
  if (target.includes('#')) throw bad('must have no fragment; percent-encode a #');
  const path = target.split('?', 1)[0]!;
  if (path.includes('\\')) throw bad('must have no backslash in its path; percent-encode it');
  return target;
}
