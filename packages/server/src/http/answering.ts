/**
 * What every answer has in common: the Host header is checked, errors become replies, headers are
 * added, and the request is counted.
 */

import type pino from 'pino';
import { QuiverError } from '../errors.ts';
import { isLater, type NowOrLater, recovered, whenKnown } from '../now-or-later.ts';
import { errorToResponse } from '../wire/errors-to-response.ts';
import { HeaderLines, type Outgoing, type Reply, type ReplyStyle } from '../wire/replies.ts';
import type { Caller, HttpRequest } from '../wire/request.ts';
import type { CorsPolicy } from './cors.ts';
import type { RequestMeter } from './request-metrics.ts';

/**
 * Answers a request, synchronously when nothing has to be awaited. Never throws.
 *
 * @param path the path as sent, which matched the route
 * @param refusal why the request could not be read, if so; it is then refused and not handled
 */
export type Answering = (
  request: HttpRequest,
  caller: Caller | undefined,
  path: string,
  refusal?: QuiverError,
) => NowOrLater<Outgoing>;

/**
 * Answers a request inside {@link answeringWith}: it may throw, and does not add the headers that
 * all replies of the route have.
 */
export type InnerAnswer = (
  request: HttpRequest,
  caller: Caller | undefined,
  path: string,
  /** The Host header; null when it is absent. */
  host: string | null,
) => NowOrLater<Reply>;

export interface AnsweringOptions {
  /** Refuses a Host header that is not a name of the server. */
  readonly requireKnownHost: (host: string | null) => void;
  readonly log: pino.Logger;
  /** Called for a request that was refused before it reached a route's guard. */
  readonly unrouted: ((request: HttpRequest, reply: Reply) => void) | undefined;
}

/** What all replies of a route have in common. */
export interface ReplyManner {
  readonly style: ReplyStyle;
  readonly cors: CorsPolicy | undefined;
  /** Headers of every reply, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly meter: RequestMeter;
}

/** Makes the function that wraps an answer in the checks, headers and counting above. */
export function answeringWith({ requireKnownHost, log, unrouted }: AnsweringOptions) {
  return ({ style, cors, headers, meter }: ReplyManner, answer: InnerAnswer): Answering => {
    const finish = finisher(headers);
    const finished = (given: Reply, request: HttpRequest, started: number): Outgoing => {
      const outgoing = finish(given, cors?.headersFor(request));
      meter(given.status, (performance.now() - started) / 1000);
      return outgoing;
    };
    const refused = (thrown: unknown, request: HttpRequest): Reply => {
      const reply = errorToResponse(thrown, style, log);
      unrouted?.(request, reply);
      return reply;
    };
    return (request, caller, path, refusal) => {
      const started = performance.now();
      let given: NowOrLater<Reply>;
      try {
        if (refusal) throw refusal;
        const host = request.headers.get('host');
        // Two Host headers arrive joined by a comma (Bun, proxies), and it is unknown which one is
        // meant.
        if (host?.includes(',')) throw new QuiverError('bad-request', 'Host: must be sent once');
        requireKnownHost(host);
        given = answer(request, caller, path, host);
      } catch (thrown) {
        given = refused(thrown, request);
      }
      return isLater(given)
        ? whenKnown(recovered(given, refused, request), finished, request, started)
        : finished(given, request, started);
    };
  };
}

/**
 * Makes the function that adds headers to a reply: `own`, which all replies of a route have. A
 * header of the reply itself wins.
 */
function finisher(own: Readonly<Record<string, string>>) {
  // Most replies of a route have the same headers, so the combined headers are cached.
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
