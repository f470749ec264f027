/**
 * The way of one request into its route and out again. In order: Host, client, page, guard, handler; on the way out errors, CORS, the
 * edge header, metrics. One function a route, made once, so that a request passes no chain of middleware.
 */

import type pino from 'pino';
import type { Guard } from '../access/guards.ts';
import type { UsageKind } from '../domain/usage-kind.ts';
import { QuiverError } from '../errors.ts';
import { clientFinder } from '../wire/client-of-request.ts';
import { errorToResponse } from '../wire/errors-to-response.ts';
import { lastValue, type Parameter, readParameters } from '../wire/parameters.ts';
import { emptyReply, HeaderLines, type Outgoing, type Reply, type ReplyStyle } from '../wire/replies.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { Call, GuardKind, Handler, Peer, Route } from '../wire/route.ts';
import { decodeSegment, rawQueryOf, rawSegment } from '../wire/target.ts';
import type { Watch } from '../wire/watch.ts';
import { type CorsPolicy, corsPolicy, pageGuard } from './cors.ts';
import { hostGuard } from './known-hosts.ts';
import type { RequestMeter } from './request-metrics.ts';

/**
 * Answers a request; at once where nothing has to be waited for. Never throws.
 *
 * @param path the path as sent, which led to the route
 * @param refusal why the request could not be read, where it could not; then it goes no further
 */
export type Answering = (
  request: HttpRequest,
  peer: Peer | undefined,
  path: string,
  refusal?: QuiverError,
) => Outgoing | Promise<Outgoing>;

export interface EntranceOptions {
  readonly clients: readonly string[];
  /** The address it listens on. */
  readonly host: string;
  readonly serverDomain: string;
  /** Further names that it answers to. */
  readonly allowedHosts: readonly string[];
  /** Whether a client is served that is not among `clients`; none is by default. */
  readonly servesAlso?: (name: string) => boolean;
  readonly cluster: number;
  readonly corsOrigins: readonly string[];
  readonly guards: Readonly<Record<GuardKind, Guard | undefined>>;
  readonly meterOf: (method: string, route: string) => RequestMeter;
  /** Counts a call that a client was answered with success. */
  readonly count: (client: string, kind: UsageKind) => void;
  /** Scheme, host and port as the caller wrote them. */
  readonly originOf: (call: Call) => string;
  readonly log: pino.Logger;
  /** Looks at every request and its reply; nothing does by default, and then it costs nothing. */
  readonly watch?: Watch | undefined;
}

export interface Entrance {
  /** Lets requests into the routes of one path; methods that it does not have get 405 with Allow, or a preflight. */
  at(routes: readonly Route[]): Answering;
  /** Answers paths that are not there: XML under `/m2`, else JSON. */
  unknownPath: Answering;
}

const NO_PARAMETERS: readonly Parameter[] = [];

export function makeEntrance(options: EntranceOptions): Entrance {
  const { guards, meterOf, log } = options;
  const findClient = clientFinder(options);
  const requireKnownHost = hostGuard(options);
  const queryOf = queryReader();
  const edge = String(options.cluster);

  /** Runs `answer`, turns what it throws into a reply, adds the headers that every reply of the route bears, and counts. */
  function answered(
    style: ReplyStyle,
    cors: CorsPolicy | undefined,
    namesEdge: boolean,
    meter: RequestMeter,
    answer: (
      request: HttpRequest,
      peer: Peer | undefined,
      path: string,
      host: string | null,
    ) => Reply | Promise<Reply>,
  ): Answering {
    const finish = finisher(namesEdge ? { 'x-quiver-edge': edge } : {});
    const finished = (given: Reply, request: HttpRequest, started: number): Outgoing => {
      const outgoing = finish(given, cors?.headersFor(request));
      meter(given.status, (performance.now() - started) / 1000);
      return outgoing;
    };
    return (request, peer, path, refusal) => {
      const started = performance.now();
      const refused = (thrown: unknown) => {
        const reply = errorToResponse(thrown, style, log);
        options.watch?.unrouted(request, reply);
        return reply;
      };
      let given: Reply | Promise<Reply>;
      try {
        if (refusal) throw refusal;
        const host = request.headers.get('host');
        // Two Host headers reach us joined by a comma (Bun, proxies); which of them was meant nobody can know.
        if (host?.includes(',')) throw new QuiverError('bad-request', 'Host: must be sent once');
        requireKnownHost(host);
        given = answer(request, peer, path, host);
      } catch (thrown) {
        given = refused(thrown);
      }
      return given instanceof Promise
        ? given.then(
            (late) => finished(late, request, started),
            (thrown) => finished(refused(thrown), request, started),
          )
        : finished(given, request, started);
    };
  }

  function into(route: Route): Answering {
    const { scope, counts } = route;
    const handle = counts === undefined ? route.handle : counted(route.handle, counts, options.count);
    const guard = guards[route.guard];
    const enter = (call: Call): Reply | Promise<Reply> => {
      const passing = guard?.(call);
      return passing instanceof Promise ? passing.then(() => handle(call)) : handle(call);
    };
    const { watch } = options;
    const watched = watch && watchedBy(watch, route, enter, log);
    const hasClientSegment = route.path.startsWith('/m2/');
    const refuseOtherPages =
      route.cors === 'configured' && (route.method !== 'GET' || route.writes)
        ? pageGuard(options.corsOrigins, options.originOf)
        : undefined;
    const isOfAdmin = route.path.startsWith('/{client}/target/');
    return answered(
      route.style,
      corsPolicy(route.cors, options.corsOrigins),
      scope === 'client',
      meterOf(route.method, route.path),
      (request, peer, path, host) => {
        let query = NO_PARAMETERS;
        let client = '';
        if (scope === 'client') {
          query = queryOf(request.url);
          client = findClient({
            host,
            query: lastValue(query, 'client'),
            segment: hasClientSegment ? decodeSegment(rawSegment(path, 1), 'client') : undefined,
            admin: isOfAdmin ? decodeSegment(rawSegment(path, 0), 'client') : undefined,
          });
        }
        const call = { request, peer, path, query, client };
        refuseOtherPages?.(call);
        return (watched ?? enter)(call);
      },
    );
  }

  function otherMethods(routes: readonly Route[]): Answering {
    const { style, scope, cors, path } = routes[0]!;
    const policy = corsPolicy(cors, options.corsOrigins);
    const methods: string[] = routes.map(({ method }) => method);
    if (routes.some(isAnsweredToHead)) methods.push('HEAD');
    if (policy.preflightHeaders) methods.push('OPTIONS');
    const allow = methods.join(', ');
    return answered(style, policy, scope === 'client', meterOf('other', path), (request) => {
      if (request.method === 'OPTIONS' && policy.preflightHeaders) {
        return emptyReply({ allow, ...policy.preflightHeaders(request, methods) });
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
  const notThere = (_request: HttpRequest, _peer: Peer | undefined, path: string): never => {
    throw new QuiverError('not-found', `No such path: ${path}`);
  };
  const unknownInXml = answered('xml', undefined, false, meterUnknown, notThere);
  const unknownInJson = answered('json', undefined, false, meterUnknown, notThere);
  function at(routes: readonly Route[]): Answering {
    const others = otherMethods(routes);
    const byMethod = new Map<string, Answering>(routes.map((route) => [route.method, into(route)]));
    // Answered as a GET; the connection leaves out the body (RFC 9110 section 9.3.2).
    if (routes.some(isAnsweredToHead)) byMethod.set('HEAD', byMethod.get('GET')!);
    return (request, peer, path, refusal) =>
      (byMethod.get(request.method) ?? others)(request, peer, path, refusal);
  }

  return {
    at,
    unknownPath: (request, peer, path, refusal) =>
      (path.startsWith('/m2/') ? unknownInXml : unknownInJson)(request, peer, path, refusal),
  };
}

function isAnsweredToHead({ method, writes }: Route): boolean {
  return method === 'GET' && writes !== true;
}

/** Makes the function that reads the query of a URL; one that is the same as the last, as `client=demo` is of most fetches, was read then. */
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

/** A route's answer as `watch` gives it; what the route throws has become a reply before `watch` sees it. */
function watchedBy(watch: Watch, route: Route, enter: Handler, log: pino.Logger): Handler {
  const refused = (thrown: unknown) => errorToResponse(thrown, route.style, log);
  const answer = (call: Call): Reply | Promise<Reply> => {
    try {
      const given = enter(call);
      return given instanceof Promise ? given.catch(refused) : given;
    } catch (thrown) {
      return refused(thrown);
    }
  };
  return (call) => watch.around(route, call, answer);
}

/** A handler whose calls count when they are answered with success, below status 400. */
function counted(handle: Handler, kind: UsageKind, count: EntranceOptions['count']): Handler {
  const noted = ({ client }: Call, given: Reply): Reply => {
    if (given.status < 400) count(client, kind);
    return given;
  };
  return (call) => {
    const given = handle(call);
    return given instanceof Promise ? given.then((late) => noted(call, late)) : noted(call, given);
  };
}

/** Makes the function that adds to a reply the headers that all of a route bear, `own`; those that it bears itself win. */
function finisher(own: Readonly<Record<string, string>>) {
  // Most replies of a route bear the same headers: put together once, they cost nothing.
  let known: Outgoing['headers'] | undefined;
  let knownOf: Reply['headers'] | undefined;
  let knownCors: Reply['headers'] | undefined;
  return (
    { body, status, headers }: Reply,
    corsHeaders: Readonly<Record<string, string>> | undefined,
  ): Outgoing => {
    if (status !== 200) {
      return { body, status, headers: new HeaderLines({ ...own, ...headers, ...corsHeaders }) };
    }
    if (known === undefined || knownOf !== headers || knownCors !== corsHeaders) {
      known = new HeaderLines({ ...own, ...headers, ...corsHeaders });
      knownOf = headers;
      knownCors = corsHeaders;
    }
    return { body, status, headers: known };
  };
}
