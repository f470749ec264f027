/** What a route is: everything the server must know before it accepts a request for it. */

import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { UsageKind } from '../domain/usage-kind.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type { Call } from './call.ts';
import type { Reply, ReplyStyle } from './replies.ts';

/**
 * Who may call a route:
 * - `open`: everybody;
 * - `profileApi`: everybody, unless the client requires profile tokens (contract section 9);
 * - `adminOrProfileToken`: callers with the admin token or a profile token of the client, whatever
 *   the client's setting;
 * - `admin`: callers with the admin token;
 * - `edge`: another edge cluster, identified by the seal on its call.
 */
export type GuardKind = 'open' | 'profileApi' | 'adminOrProfileToken' | 'admin' | 'edge';

/**
 * Which web pages may call a route from a browser:
 * - `none`: only Quiver's own pages;
 * - `visitors`: every page, with credentials, as at.js sends them (contract section 7);
 * - `everybody`: every page, without credentials;
 * - `configured`: pages of the origins in `--cors-origin`.
 */
export type CorsKind = 'none' | 'visitors' | 'everybody' | 'configured';

/**
 * Which client a route serves:
 * - `client`: the one that the request names (`client-of-request.ts`);
 * - `client-of-path`: the one in the path's parameter `{client}` and no other, as in the Admin API;
 * - `server`: none.
 *
 * The reply of a route that serves a client names the edge cluster (contract section 8).
 */
export type RouteScope = 'client' | 'client-of-path' | 'server';

/** Answers a call, at once or later. */
export type Handler = (call: Call) => NowOrLater<Reply>;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One route. The guard is required, so a route without one does not compile. */
export interface Route {
  readonly method: Method;
  /**
   * In OpenAPI notation: `/rest/v1/profiles/{tntId}`; a final `{name*}` stands for the rest of the
   * path, slashes included.
   */
  readonly path: string;
  readonly guard: GuardKind;
  readonly style: ReplyStyle;
  readonly cors: CorsKind;
  readonly scope: RouteScope;
  /**
   * Set for a GET that changes something. HEAD, which must not change anything, is then not
   * answered (RFC 9110 section 9.3.2).
   */
  readonly writes?: true;
  /** What a successful call counts as (contract section 10); by default it is not counted. */
  readonly counts?: UsageKind;
  /**
   * Whether an administrator's successful call is recorded (contract section 23); by default when
   * the route may change something.
   */
  readonly audited?: boolean;
  /** What `/openapi.json` says about it. */
  readonly describe: Omit<RouteConfig, 'method' | 'path'>;
  readonly handle: Handler;
}
