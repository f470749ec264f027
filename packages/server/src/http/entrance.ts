/**
 * How a request reaches its route, and how its reply leaves. In order: Host, client, page, guard,
 * handler; then errors, CORS, the edge header and metrics (`answering.ts`). Each route gets one
 * function, made once, instead of a chain of middleware.
 */

import type pino from 'pino';
import type { Guard } from '../access/guards.ts';
import type { UsageKind } from '../domain/usage-kind.ts';
import { QuiverError } from '../errors.ts';
import { isLater, type NowOrLater, recovered, whenKnown } from '../now-or-later.ts';
import { Call } from '../wire/call.ts';
import { clientFinder } from '../wire/client-of-request.ts';
import { errorToResponse } from '../wire/errors-to-response.ts';
import { lastValue, type Parameter, readParameters } from '../wire/parameters.ts';
import { PathParameters } from '../wire/path-parameters.ts';
import { emptyReply, type Reply, type ReplyStyle } from '../wire/replies.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { GuardKind, Handler, Route } from '../wire/route.ts';
import { rawQueryOf } from '../wire/target.ts';
import type { Watch } from '../wire/watch.ts';
import { type Answering, answeringWith } from './answering.ts';
import { corsPolicy, pageGuard } from './cors.ts';
import { hostGuard } from './known-hosts.ts';
import type { RequestMeter } from './request-metrics.ts';

export interface EntranceOptions {
  readonly clients: readonly string[];
  /** The address the server listens on. */
  readonly host: string;
  readonly serverDomain: string;
  /** Further host names it accepts. */
  readonly allowedHosts: readonly string[];
  /** Whether a client outside `clients` is served too; by default none is. */
  readonly servesAlso?: (name: string) => boolean;
  readonly cluster: number;
  readonly corsOrigins: readonly string[];
  readonly guards: Readonly<Record<GuardKind, Guard | undefined>>;
  readonly meterOf: (method: string, route: string) => RequestMeter;
  /** Counts a successful call of a client. */
  readonly count: (client: string, kind: UsageKind) => void;
  /** Scheme, host and port as the caller wrote them. */
  readonly originOf: (call: Call) => string;
  readonly log: pino.Logger;
  /** Sees every request and its reply; absent by default, at no cost. */
  readonly watch?: Watch | undefined;
}

export interface Entrance {
  /**
   * Admits requests to the routes of one path; other methods get 405 with Allow, or a preflight's
   * reply.
   */
  at(routes: readonly Route[]): Answering;
  /** Makes the answer for unknown paths. */
  unknownPath(style: ReplyStyle): Answering;
}

const NO_PARAMETERS: readonly Parameter[] = [];

/** Long because the functions inside share values that are made once for all routes. */
export function makeEntrance(options: EntranceOptions): Entrance {
  const { meterOf, watch } = options;
  const answering = answeringWith({
    requireKnownHost: hostGuard(options),
    log: options.log,
    unrouted: watch && ((request, reply) => watch.unrouted(request, reply)),
  });
  const toCall = callMaker(options);
  const edgeHeaders = { 'x-quiver-edge': String(options.cluster) };
  const mannerOf = ({ style, cors, scope }: Route, meter: RequestMeter) => ({
    style,
    cors: corsPolicy(cors, options.corsOrigins),
    headers: scope === 'server' ? {} : edgeHeaders,
    meter,
  });

  function into(route: Route): Answering {
    const enter = watched(guarded(route, options), route, options);
    const callOf = toCall(route);
    const refuseOtherPages =
      route.cors === 'configured' && (route.method !== 'GET' || route.writes)
        ? pageGuard(options.corsOrigins, options.originOf)
        : undefined;
    return answering(mannerOf(route, meterOf(route.method, route.path)), (request, caller, path, host) => {
      const call = callOf(request, caller, path, host);
      refuseOtherPages?.(call);
      return enter(call);
    });
  }

  function otherMethods(routes: readonly Route[]): Answering {
    const manner = mannerOf(routes[0]!, meterOf('other', routes[0]!.path));
    const { preflightHeaders } = manner.cors;
    const methods: string[] = routes.map(({ method }) => method);
    if (routes.some(isAnsweredToHead)) methods.push('HEAD');
    if (preflightHeaders) methods.push('OPTIONS');
    const allow = methods.join(', ');
    return answering(manner, (request) => {
      if (request.method === 'OPTIONS' && preflightHeaders) {
        return emptyReply({ allow, ...preflightHeaders(request, methods) });
      }
      throw new QuiverError(
        'method-not-allowed',
        `Method not allowed: ${request.method}; allowed: ${allow}`,
        { headers: { allow } },
      );
    });
  }

  const meterUnknown = meterOf('other', 'unknown');
  return {
    at(routes) {
      const others = otherMethods(routes);
      const byMethod = new Map<string, Answering>(routes.map((route) => [route.method, into(route)]));
      // Answered like a GET; the connection drops the body (RFC 9110 section 9.3.2).
      if (routes.some(isAnsweredToHead)) byMethod.set('HEAD', byMethod.get('GET')!);
      return (request, caller, path, refusal) =>
        (byMethod.get(request.method) ?? others)(request, caller, path, refusal);
    },
    unknownPath(style) {
      const manner = { style, cors: undefined, headers: {}, meter: meterUnknown };
      return answering(manner, (_request, _caller, path) => {
        throw new QuiverError('not-found', `No such path: ${path}`);
      });
    },
  };
}

function isAnsweredToHead({ method, writes }: Route): boolean {
  return method === 'GET' && writes !== true;
}

/** Makes the call object for a request that matched a route. */
type CallOf = (request: HttpRequest, caller: Call['caller'], path: string, host: string | null) => Call;

/** Makes the function that makes a {@link CallOf} for each route. */
function callMaker(options: Pick<EntranceOptions, 'clients' | 'serverDomain' | 'servesAlso'>) {
  const clients = clientFinder(options);
  const queryOf = queryReader();
  return ({ path: routePath, scope }: Route): CallOf => {
    const parameters = new PathParameters(routePath);
    if (scope === 'server') {
      return (request, caller, path) => new Call(request, caller, path, parameters, NO_PARAMETERS, '');
    }
    const isInPath = parameters.has('client');
    if ((scope === 'client-of-path') !== routePath.startsWith('/{client}/')) {
      throw new RangeError(`${routePath}: a path that starts with {client} needs the matching RouteScope`);
    }
    return (request, caller, path, host) => {
      const query = queryOf(request.url);
      const inQuery = lastValue(query, 'client');
      const inPath = isInPath ? parameters.value(path, 'client') : undefined;
      const client =
        scope === 'client-of-path'
          ? clients.named(inPath!)
          : clients.find({ host, query: inQuery, path: inPath });
      return new Call(request, caller, path, parameters, query, client);
    };
  };
}

/**
 * Makes the function that parses the query of a URL. It caches the last parsed query, because most
 * fetches have the same one, such as `client=demo`.
 */
function queryReader(): (url: string) => readonly Parameter[] {
  let lastText = '';
  let last = NO_PARAMETERS;
  return (url) => {
    const text = rawQueryOf(url);
    if (text !== lastText) {
      last = readParameters(text);
      lastText = text;
    }
    return last;
  };
}

/** A route's handler behind its guard, with counting if the route counts. */
function guarded(route: Route, { guards, count }: Pick<EntranceOptions, 'guards' | 'count'>): Handler {
  const { counts } = route;
  const handle = counts === undefined ? route.handle : counted(route.handle, counts, count);
  const guard = guards[route.guard];
  if (!guard) return handle;
  const pass = (_passed: unknown, call: Call) => handle(call);
  return (call) => {
    const passing = guard(call);
    return isLater(passing) ? whenKnown(passing, pass, call) : handle(call);
  };
}

/** A handler whose successful calls (status below 400) are counted. */
function counted(handle: Handler, kind: UsageKind, count: EntranceOptions['count']): Handler {
  const noted = (given: Reply, { client }: Call): Reply => {
    if (given.status < 400) count(client, kind);
    return given;
  };
  return (call) => {
    const given = handle(call);
    return isLater(given) ? whenKnown(given, noted, call) : noted(given, call);
  };
}

/** A route's answer wrapped by `watch`, which sees errors of the route as replies. */
function watched(
  enter: Handler,
  route: Route,
  { watch, log }: Pick<EntranceOptions, 'watch' | 'log'>,
): Handler {
  if (!watch) return enter;
  const refused = (thrown: unknown) => errorToResponse(thrown, route.style, log);
  const answer = (call: Call): NowOrLater<Reply> => {
    try {
      return recovered(enter(call), refused);
    } catch (thrown) {
      return refused(thrown);
    }
  };
  return (call) => watch.around(route, call, answer);
}
