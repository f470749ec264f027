/**
 * The opt-out of a visitor: a cookie after which nothing about the browser is stored (contract
 * section 7).
 */

import type { Call } from '../wire/call.ts';
import { PLAIN_HEADERS, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';

/** Two years, as at Adobe. */
const OPT_OUT_SECONDS = 63_072_000;
const DONE = 'This browser has opted out: nothing is kept of its visits.\n';
const DONE_HERE =
  'This browser has opted out for pages of this site. Over http it does not send the cookie from pages of other sites.\n';
const OPTED_OUT = /(?:^|;\s*)disableClient=true(?:;|$)/;

/** Whether a request comes from a browser whose visitor has opted out. */
export function isOptedOut(headers: Call['request']['headers']): boolean {
  const cookie = headers.get('cookie');
  return cookie !== null && OPTED_OUT.test(cookie);
}

/** @param isSecure whether the caller reached this server by https */
export function optOutRoute(isSecure: (call: Call) => boolean): Route {
  return {
    method: 'GET',
    path: '/optout',
    guard: 'open',
    style: 'plain',
    cors: 'visitors',
    scope: 'server',
    describe: {
      tags: ['Delivery'],
      summary: 'Opt this browser out',
      description:
        'Sets the cookie `disableClient` for two years. Visits that send it are neither stored nor metered.',
      responses: {
        200: { description: 'Opted out', content: { 'text/plain': { schema: z.string(), example: DONE } } },
      },
    },
    handle(call) {
      // Pages of other sites only get the cookie with SameSite=None, which browsers accept over
      // https alone.
      const secure = isSecure(call);
      const scope = secure ? 'SameSite=None; Secure' : 'SameSite=Lax';
      return new Reply(secure ? DONE : DONE_HERE, 200, {
        ...PLAIN_HEADERS,
        'set-cookie': `disableClient=true; Path=/; Max-Age=${OPT_OUT_SECONDS}; ${scope}`,
      });
    },
  };
}
