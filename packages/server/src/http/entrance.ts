/**
 * The way of one request into its route and out again. In order: Host, client, guard, handler; on the way out errors, CORS, the
 * edge header, metrics. One function a route, made once, so that a request passes no chain of middleware.
 */

import type { Context } from 'hono';
import type pino from 'pino';
import type { Guard } from '../access/guards.ts';
import { QuiverError } from '../errors.ts';
import { clientFinder } from '../wire/client-of-request.ts';
import { errorToResponse } from '../wire/errors-to-response.ts';
import { lastValue, type Parameter, readParameters } from '../wire/parameters.ts';
import { emptyReply, type ReplyStyle } from '../wire/replies.ts';
import type { GuardKind, Peer, Route } from '../wire/route.ts';
import { decodeSegment, rawPathOf, rawQueryOf, rawSegment } from '../wire/target.ts';
import { type CorsPolicy, corsPolicy, preflightHeaders } from './cors.ts';
import type { RequestMeter } from './request-metrics.ts';

/** How Hono sees a request here: who sent it comes in as `env`. */
export type HttpEnv = { Bindings: Peer };
type HonoHandler = (context: Context<HttpEnv>) => Promise<Response>;

export interface EntranceOptions {
  readonly clients: readonly string[];
  readonly serverDomain: string;
  readonly cluster: number;
  readonly corsOrigins: readonly string[];
  readonly guards: Readonly<Record<GuardKind, Guard | undefined>>;
  readonly meterOf: (method: string, route: string) => RequestMeter;
  readonly log: pino.Logger;
}

export interface Entrance {
  /** Lets requests into the routes of one path; methods that it does not have get 405 with Allow, or a preflight. */
  at(routes: readonly Route[]): HonoHandler;
  /** Answers paths that are not there: XML under `/m2`, else JSON. */
  unknownPath: HonoHandler;
}

const NO_PARAMETERS: readonly Parameter[] = [];

export function makeEntrance(options: EntranceOptions): Entrance {
  const { guards, meterOf, log } = options;
  const findClient = clientFinder(options);
  const edge = String(options.cluster);

  /** Runs `answer`, turns what it throws into a reply, adds the headers that every reply of the route bears, and counts. */
  function answered(
    style: ReplyStyle,
    cors: CorsPolicy | undefined,
    namesEdge: boolean,
    meter: RequestMeter,
    answer: (request: Request, peer: Peer | undefined) => Response | Promise<Response>,
  ): HonoHandler {
    return async (context) => {
      const started = performance.now();
      const request = context.req.raw;
      let response: Response;
      try {
        refuseTwoHosts(request);
        response = await answer(request, context.env);
      } catch (thrown) {
        response = errorToResponse(thrown, style, log);
      }
      const corsHeaders = cors?.headersFor(request);
      if (corsHeaders) for (const name in corsHeaders) response.headers.set(name, corsHeaders[name]!);
      if (namesEdge) response.headers.set('x-quiver-edge', edge);
      meter(response.status, (performance.now() - started) / 1000);
      return response;
    };
  }

  function into(route: Route): HonoHandler {
    const { handle, scope } = route;
    const guard = guards[route.guard];
    const hasClientSegment = route.path.startsWith('/m2/');
    const isOfAdmin = route.path.startsWith('/{client}/target/');
    return answered(
      route.style,
      corsPolicy(route.cors, options.corsOrigins),
      scope === 'client',
      meterOf(route.method, route.path),
      async (request, peer) => {
        const path = rawPathOf(request.url);
        let query = NO_PARAMETERS;
        let client = '';
        if (scope === 'client') {
          query = readParameters(rawQueryOf(request.url), 'query');
          client = findClient({
            host: request.headers.get('host'),
            query: lastValue(query, 'client'),
            segment: hasClientSegment ? decodeSegment(rawSegment(path, 1), 'client') : undefined,
            admin: isOfAdmin ? decodeSegment(rawSegment(path, 0), 'client') : undefined,
          });
        }
        const call = { request, peer, path, query, client };
        if (guard) await guard(call);
        return handle(call);
      },
    );
  }

  function otherMethods(routes: readonly Route[]): HonoHandler {
    const { style, scope, cors, path } = routes[0]!;
    const policy = corsPolicy(cors, options.corsOrigins);
    const methods: string[] = routes.map(({ method }) => method);
    if (methods.includes('GET')) methods.push('HEAD');
    if (policy.answersPreflight) methods.push('OPTIONS');
    const allow = methods.join(', ');
    return answered(style, policy, scope === 'client', meterOf('other', path), (request) => {
      if (request.method === 'OPTIONS' && policy.answersPreflight) {
        return emptyReply({ allow, ...preflightHeaders(methods) });
      }
      throw new QuiverError(
        'method-not-allowed',
        `Method not allowed: ${request.method}; allowed: ${allow}`,
        {
          headers: { allow },
        },
      );
    });
  }

  const meterUnknown = meterOf('other', 'unknown');
  const notThere = (request: Request): never => {
    throw new QuiverError('not-found', `No such path: ${rawPathOf(request.url)}`);
  };
  const unknownInXml = answered('xml', undefined, false, meterUnknown, notThere);
  const unknownInJson = answered('json', undefined, false, meterUnknown, notThere);
  function at(routes: readonly Route[]): HonoHandler {
    const others = otherMethods(routes);
    const byMethod = new Map<string, HonoHandler>(routes.map((route) => [route.method, into(route)]));
    const get = byMethod.get('GET');
    // Hono asks for the answer to a GET and leaves its body out (RFC 9110 section 9.3.2).
    if (get) byMethod.set('HEAD', get);
    return (context) => (byMethod.get(context.req.method) ?? others)(context);
  }

  return {
    at,
    unknownPath: (context) =>
      rawPathOf(context.req.raw.url).startsWith('/m2/') ? unknownInXml(context) : unknownInJson(context),
  };
}

/** Two Host headers reach us joined by a comma (Bun, proxies); which of them was meant nobody can know. */
function refuseTwoHosts(request: Request): void {
  if (request.headers.get('host')?.includes(','))
    throw new QuiverError('bad-request', 'Host: must be sent once');
}
