/** Which pages may call from a browser: CORS as the Fetch standard has it. */

import type { CorsKind } from '../wire/route.ts';

type Headers = Readonly<Record<string, string>>;

export interface CorsPolicy {
  /** The headers for the reply to a request; none when no page may read it. */
  headersFor(request: Request): Headers | undefined;
  /** Whether OPTIONS is answered at all. */
  readonly answersPreflight: boolean;
}

/** How long a browser remembers a preflight, in seconds: a day, which browsers cut to what they allow. */
const PREFLIGHT_SECONDS = '86400';

/** The policy of a kind of route. Credentials are never allowed, so no page rides on a visitor's cookies. */
export function corsPolicy(kind: CorsKind, origins: readonly string[]): CorsPolicy {
  if (kind === 'everybody') {
    const headers = { 'access-control-allow-origin': '*' };
    return { headersFor: () => headers, answersPreflight: true };
  }
  if (kind === 'none' || origins.length === 0)
    return { headersFor: () => undefined, answersPreflight: false };
  // The same objects every time: then a reply's headers are put together once.
  const others = { vary: 'Origin' };
  const allowed = new Map(
    origins.map((origin) => [origin, { ...others, 'access-control-allow-origin': origin }]),
  );
  return {
    headersFor(request) {
      const origin = request.headers.get('origin');
      // A cache must not hand one origin's reply to another, not even the one without the header.
      return (origin === null ? undefined : allowed.get(origin)) ?? others;
    },
    answersPreflight: true,
  };
}

/** The headers of a preflight's answer beside those of the policy. */
export function preflightHeaders(methods: readonly string[]): Headers {
  return {
    'access-control-allow-methods': methods.join(', '),
    // `*` does not cover Authorization (Fetch standard, "CORS-preflight fetch").
    'access-control-allow-headers': 'Authorization, access_token, Content-Type, *',
    'access-control-max-age': PREFLIGHT_SECONDS,
  };
}
