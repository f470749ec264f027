/** What a route is: everything that the server must know before it lets a request in. */

import type { RouteConfig } from '@hono/zod-openapi';
import type { UsageKind } from '../domain/usage-kind.ts';
import type { Parameter } from './parameters.ts';
import type { Reply, ReplyStyle } from './replies.ts';
import type { HttpRequest } from './request.ts';

/**
 * Who may call a route:
 * - `open`: everybody;
 * - `profileApi`: everybody, until a client asks for profile tokens (contract section 9);
 * - `adminOrProfileToken`: who sends the admin token or a profile token of the client, whatever the client's setting;
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

/** Who is at the other end of the connection. */
export interface Peer {
  readonly address: string;
  /** Whether the connection itself is encrypted. */
  readonly secure: boolean;
}

/** One request on its way to a handler. */
export interface Call {
  readonly request: HttpRequest;
  readonly peer: Peer | undefined;
  /** The path as sent, still percent-encoded: ids are cut out of it with `wire/target.ts`. */
  readonly path: string;
  /** The query, decoded; empty on routes that serve no client. */
  readonly query: readonly Parameter[];
  /** The client that the request is for; empty on routes that serve no client. */
  readonly client: string;
}

/** Answers a call, at once or later. */
export type Handler = (call: Call) => Reply | Promise<Reply>;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One route. The guard is not optional: a route that nobody has thought about does not compile. */
export interface Route {
  readonly method: Method;
  /** As OpenAPI writes it: `/rest/v1/profiles/{tntId}`; a last `{name*}` stands for all that follows, slashes too. */
  readonly path: string;
  readonly guard: GuardKind;
  readonly style: ReplyStyle;
  readonly cors: CorsKind;
  /** Whether it serves a client's visitors: then the client is found, and the reply names the edge cluster (section 8). */
  readonly scope: 'client' | 'server';
  /** That it changes something, for a GET that does; HEAD, which must not, is then not answered (RFC 9110 section 9.3.2). */
  readonly writes?: true;
  /** What a call counts as when it was answered with success (contract section 10); nothing by default. */
  readonly counts?: UsageKind;
  /** What `/openapi.json` says about it. */
  readonly describe: Omit<RouteConfig, 'method' | 'path'>;
  readonly handle: Handler;
}
