/**
 * What admin routes that serve no single client have in common: those of the sandbox and of the
 * journal.
 */

import { QuiverError } from '../errors.ts';
import { AdminRefusal } from './admin-route.ts';
import { readBody } from './body.ts';
import type { Call } from './call.ts';
import { readJsonObject } from './json.ts';
import { lastValue, readParameters, wholeNumber } from './parameters.ts';
import type { Route } from './route.ts';
import { z } from './schema.ts';
import { rawQueryOf } from './target.ts';

const MAX_BODY = 128 * 1024;

export const ClientOfQuery = z.object({
  client: z.string().optional().openapi({ description: 'One client; all by default.' }),
});

const REFUSED = {
  400: AdminRefusal('A member breaks its rule; nothing was changed'),
  401: AdminRefusal('Not the admin'),
};

/** Makes a route from its description, without its handler. */
export type RouteMaker = (
  method: Route['method'],
  path: string,
  summary: string,
  request?: Route['describe']['request'],
) => Omit<Route, 'handle'>;

/** @param tag the heading under which the API description lists them */
export function serverAdminRoute(tag: string): RouteMaker {
  return (method, path, summary, request = {}) => ({
    method,
    path,
    guard: 'admin',
    style: 'admin',
    cors: 'none',
    scope: 'server',
    describe: {
      tags: [tag],
      summary,
      security: [{ bearer: [] }],
      request,
      responses: { 200: { description: 'Done' }, ...REFUSED },
    },
  });
}

export async function jsonOf({ request }: Call) {
  return readJsonObject(await readBody(request, MAX_BODY));
}

/** A query parameter; when it is given several times, the last value. */
export function parameter({ request }: Call, name: string): string | undefined {
  return lastValue(readParameters(rawQueryOf(request.url)), name);
}

/** The client that a call asks about; undefined for all clients. */
export function clientOf(call: Call): string | undefined {
  return parameter(call, 'client') || undefined;
}

/**
 * The same route, refusing query parameters that it does not describe: a call for one client must
 * not act on all because of a typo.
 */
export function withKnownQuery(route: Route): Route {
  const known = Object.keys((route.describe.request?.query as typeof ClientOfQuery | undefined)?.shape ?? {});
  return {
    ...route,
    handle(call) {
      for (const [name] of readParameters(rawQueryOf(call.request.url))) {
        if (!known.includes(name)) throw new QuiverError('bad-request', `${name.toWellFormed()}: is unknown`);
      }
      return route.handle(call);
    },
  };
}

/** A query parameter that must be a whole number. @throws QuiverError `bad-request` */
export function numberOf(call: Call, name: string, min: number, max: number): number | undefined {
  return wholeNumber(parameter(call, name), name, min, max);
}
