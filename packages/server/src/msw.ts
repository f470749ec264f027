/**
 * `quiver-server/msw`: lets Mock Service Worker send calls to Adobe Target to a sandbox (contract
 * section 13).
 */

import { type HttpHandler, http } from 'msw';
import type { RunningSandbox } from './sandbox/public-types.ts';
import { type TargetHandlersOptions, targetHandlersOf } from './sandbox/target-handlers.ts';

export type { TargetHandlersOptions } from './sandbox/target-handlers.ts';

/**
 * Handlers for `setupServer` of MSW 3 or 2. Calls to `*.tt.omtrdc.net`, by http or https, are
 * answered in this process by the sandbox. Clients with built-in Adobe hosts work unchanged, and
 * nothing leaves the machine.
 *
 * ```ts
 * const adobe = setupServer(...targetHandlers(quiver));
 * ```
 *
 * @throws QuiverError `bad-request` when `serverDomain` is not a host name
 */
export function targetHandlers(
  quiver: Pick<RunningSandbox, 'fetch'>,
  options?: TargetHandlersOptions,
): HttpHandler[] {
  return targetHandlersOf<HttpHandler>(http, quiver, options);
}
