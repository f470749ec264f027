/** What an interceptor does with calls to Adobe Target: they are answered by a sandbox in this process (contract section 13). */

import { QuiverError } from '../errors.ts';
import type { RunningSandbox } from './public-types.ts';

/** What is used of the `http` of MSW, 2 or 3. */
export interface RequestMatcher<Handler> {
  all(url: RegExp, resolver: (call: { readonly request: Request }) => Promise<Response>): Handler;
}

export interface TargetHandlersOptions {
  /** What client codes stand before in host names; `tt.omtrdc.net` by default, as in `startSandbox`. */
  readonly serverDomain?: string;
}

const DOMAIN = /^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$/i;

/**
 * The handlers that catch every call to `*.<server domain>`, `mboxedge*` among them, by http and https.
 *
 * @throws QuiverError `bad-request` when the domain is none
 */
export function targetHandlersOf<Handler>(
  http: RequestMatcher<Handler>,
  quiver: Pick<RunningSandbox, 'fetch'>,
  { serverDomain = 'tt.omtrdc.net' }: TargetHandlersOptions = {},
): Handler[] {
  if (!DOMAIN.test(serverDomain)) {
    throw new QuiverError('bad-request', 'serverDomain: must be a host name');
  }
  // A pattern with `*` would also match hosts of others that have the domain in their path.
  const domain = serverDomain.replaceAll('.', '\\.');
  const url = new RegExp(`^https?://[^/?#@]+\\.${domain}(?::\\d+)?(?:[/?#]|$)`, 'i');
  // What a handler throws becomes a 500 in MSW; a connection that was cut is no answer at all.
  const resolve = (request: Request) =>
    quiver.fetch(request).catch((error: unknown) => {
      if (error instanceof TypeError) return Response.error();
      throw error;
    });
  return [http.all(url, ({ request }) => resolve(request))];
}
