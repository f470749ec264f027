/**
 * Lets an interceptor send calls to Adobe Target to a sandbox in this process (contract section
 * 13).
 */

import { QuiverError } from '../errors.ts';
import type { RunningSandbox } from './public-types.ts';

/** The part of MSW's `http` that is used, in versions 2 and 3. */
export interface RequestMatcher<Handler> {
  all(url: RegExp, resolver: (call: { readonly request: Request }) => Promise<Response>): Handler;
}

export interface TargetHandlersOptions {
  /**
   * The domain that follows client codes in host names; `tt.omtrdc.net` by default, as in
   * `startSandbox`.
   */
  readonly serverDomain?: string;
}

const DOMAIN = /^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$/i;

/**
 * Makes handlers that catch every call to `*.<server domain>`, including `mboxedge*`, by http and
 * https.
 *
 * @throws QuiverError `bad-request` when the domain is not a host name
 */
export function targetHandlersOf<Handler>(
  http: RequestMatcher<Handler>,
  quiver: Pick<RunningSandbox, 'fetch'>,
  { serverDomain = 'tt.omtrdc.net' }: TargetHandlersOptions = {},
): Handler[] {
  if (!DOMAIN.test(serverDomain)) {
    throw new QuiverError('bad-request', 'serverDomain: must be a host name');
  }
  // A pattern with `*` would also match other hosts that have the domain in their path.
  const domain = serverDomain.replaceAll('.', '\\.');
  const url = new RegExp(`^https?://[^/?#@]+\\.${domain}(?::\\d+)?(?:[/?#]|$)`, 'i');
  // MSW turns an error of a handler into a 500, but a connection that was cut must have no reply at
  // all.
  const resolve = (request: Request) =>
    quiver.fetch(request).catch((error: unknown) => {
      if (error instanceof TypeError) return Response.error();
      throw error;
    });
  return [http.all(url, ({ request }) => resolve(request))];
}
