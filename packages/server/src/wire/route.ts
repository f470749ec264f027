/** What a route is: everything that the server must know before it lets a request in. */

import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { UsageKind } from '../domain/usage-kind.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type { Call } from './call.ts';
import type { Reply, ReplyStyle } from './replies.ts';

/**
 * Who may call a route:
 * - `open`: everybody;
 * - `profileApi`: everybody, until a client asks for profile tokens (contract section 9);
 * - `adminOrProfileToken`: who sends the admin token or a profile token of the client, whatever the
 *   client's setting;
 * - `admin`: who sends the admin token;
 * - `edge`: another edge cluster, by the seal on its call.
 */
export type GuardKind = 'open' | 'profileApi' | 'adminOrProfileToken' | 'admin' | 'edge';

/**
 * Whose pages may call a route from a browser:
 * - `none`: no page but Quiver's own;
 * - `visitors`: every page, with credentials, as at.js sends them (contract section 7);
 * - `everybody`: every page, without credentials;
 * - `configured`: pages of the origins in `--cors-origin`.
 */
export type CorsKind = 'none' | 'visitors' | 'everybody' | 'configured';

/**
 * Which client a route serves:
 * - `client`: the one that the request names somewhere (`client-of-request.ts`);
 * - `client-of-path`: the one in the path's parameter `{client}` and no other, as in the Admin API;
 * - `server`: none.
 *
 * The reply of a route that serves a client names the edge cluster (contract section 8).
 */
export type RouteScope = 'client' | 'client-of-path' | 'server';

/** Answers a call, at once or later. */
export type Handler = (call: Call) => NowOrLater<Reply>;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One route. The guard is not optional: a route that nobody has thought about does not compile. */
export interface Route {
  readonly method: Method;
  /**
   * As OpenAPI writes it: `/rest/v1/profiles/{tntId}`; a last `{name*}` stands for all that
   * follows, slashes too.
   */
  readonly path: string;
  readonly guard: GuardKind;
  readonly style: ReplyStyle;
  readonly cors: CorsKind;
  readonly scope: RouteScope;
  /**
   * That it changes something, for a GET that does; HEAD, which must not, is then not answered (RFC
   * 9110 section 9.3.2).
   */
  readonly writes?: true;
  /**
   * What a call counts as when it was answered with success (contract section 10); nothing by
   * default.
   */
  readonly counts?: UsageKind;
  /** What `/openapi.json` says about it. */
  readonly describe: Omit<RouteConfig, 'method' | 'path'>;
  readonly handle: Handler;
}
