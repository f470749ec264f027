/**
 * Which pages may call from a browser: CORS as the Fetch standard defines it, and the preflights of
 * Private Network Access (contract section 7).
 */

import { QuiverError } from '../errors.ts';
import type { Call } from '../wire/call.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { CorsKind } from '../wire/route.ts';

type Headers = Readonly<Record<string, string>>;

export interface CorsPolicy {
  /** The headers for the reply to a request; undefined when no page may read it. */
  headersFor(request: HttpRequest): Headers | undefined;
  /**
   * The additional headers of a preflight's reply, next to {@link CorsPolicy.headersFor}; undefined
   * where OPTIONS is not answered at all.
   */
  readonly preflightHeaders: ((request: HttpRequest, methods: readonly string[]) => Headers) | undefined;
}

/**
 * How long a browser may cache a preflight, in seconds: a day, which browsers cut to their own
 * limit.
 */
const PREFLIGHT_SECONDS = '86400';
/** At most this many origins are remembered, so that callers cannot fill the memory with names. */
const MAX_REMEMBERED_ORIGINS = 1000;
/** A longer origin is answered but not remembered. */
const MAX_REMEMBERED_LENGTH = 300;

const NO_PAGE: CorsPolicy = { headersFor: () => undefined, preflightHeaders: undefined };
const BY_ORIGIN: Headers = { vary: 'Origin' };

/** The policy of a kind of route. @param origins those of `--cors-origin` */
export function corsPolicy(kind: CorsKind, origins: readonly string[]): CorsPolicy {
  if (kind === 'visitors') return visitorsPolicy();
  if (kind === 'everybody') {
    const headers = { 'access-control-allow-origin': '*' };
    return {
      headersFor: () => headers,
      preflightHeaders: (_, methods) => preflight(methods, ALLOWED_HEADERS),
    };
  }
  return kind === 'none' || origins.length === 0 ? NO_PAGE : configuredPolicy(origins);
}

/**
 * Delivery and the mbox calls accept every origin, `null` too, with credentials. at.js sends each
 * call with `withCredentials`, and a browser then accepts neither `*` nor a missing
 * `Access-Control-Allow-Credentials`. No route of this kind takes its authority from a cookie.
 */
function visitorsPolicy(): CorsPolicy {
  // The same object for the same origin, so that the headers of a reply are combined only once.
  const remembered = new Map<string, Headers>();
  return {
    headersFor(request) {
      const origin = request.headers.get('origin');
      if (origin === null || origin === '') return BY_ORIGIN;
      const known = remembered.get(origin);
      if (known) return known;
      const headers = {
        ...BY_ORIGIN,
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
      };
      if (remembered.size >= MAX_REMEMBERED_ORIGINS) remembered.clear();
      if (origin.length <= MAX_REMEMBERED_LENGTH) remembered.set(origin, headers);
      return headers;
    },
    preflightHeaders(request, methods) {
      // With credentials, `*` is a literal header name (Fetch standard), so the requested names are
      // echoed.
      const asked = request.headers.get('access-control-request-headers') ?? 'Content-Type';
      return { ...preflight(methods, asked), ...privateNetworkHeaders(request) };
    },
  };
}

/** The profile APIs: pages of the configured origins, without credentials. */
function configuredPolicy(origins: readonly string[]): CorsPolicy {
  const allowed = new Map(
    origins.map((origin) => [origin, { ...BY_ORIGIN, 'access-control-allow-origin': origin }]),
  );
  const headersOf = (request: HttpRequest) => {
    const origin = request.headers.get('origin');
    return origin === null ? undefined : allowed.get(origin);
  };
  return {
    // Without this, a cache could serve one origin's reply to another, even a reply without CORS
    // headers.
    headersFor: (request) => headersOf(request) ?? BY_ORIGIN,
    preflightHeaders: (request, methods) => ({
      ...preflight(methods, ALLOWED_HEADERS),
      ...(headersOf(request) && privateNetworkHeaders(request)),
    }),
  };
}

// `*` does not cover Authorization (Fetch standard, "CORS-preflight fetch").
const ALLOWED_HEADERS = 'Authorization, access_token, Content-Type, *';

/**
 * Makes the function that refuses writes from a page of another origin, unless that origin is
 * configured.
 *
 * CORS keeps pages from reading a reply, not from sending a request: forms and images are sent
 * without a preflight. Browsers state the origin of a POST always, that of a plain GET over https
 * and to loopback names; pages cannot change that. Over http to another name the GET of an image
 * looks like one of a program, which must be let in (SECURITY.md).
 *
 * @throws QuiverError (the function) `forbidden`, with the flag that would allow the origin
 */
export function pageGuard(
  origins: readonly string[],
  originOf: (call: Call) => string,
): (call: Call) => void {
  const allowed = new Set(origins);
  return (call) => {
    const { headers } = call.request;
    const site = headers.get('sec-fetch-site');
    const origin = headers.get('origin');
    if (site === null && origin === null) return;
    if (site === 'same-origin' || site === 'none') return;
    if (origin !== null && (allowed.has(origin) || (site === null && origin === originOf(call)))) return;
    throw new QuiverError(
      'forbidden',
      'Origin: pages of other origins may not write; --cors-origin allows one',
    );
  };
}

function preflight(methods: readonly string[], headers: string): Headers {
  return {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': headers,
    'access-control-max-age': PREFLIGHT_SECONDS,
  };
}

/**
 * When a page from the internet calls an address on this machine or network, the browser asks first
 * (Private Network Access, WICG); without this header it sends nothing else.
 */
function privateNetworkHeaders(request: HttpRequest): Headers {
  return request.headers.get('access-control-request-private-network') === 'true'
    ? { 'access-control-allow-private-network': 'true' }
    : {};
}
