/**
 * Code that sees every request and its reply: a journal (contract sections 11 and 13) and the
 * faults of a sandbox.
 */

import type { NowOrLater } from '../now-or-later.ts';
import type { Call } from './call.ts';
import type { Reply } from './replies.ts';
import type { HttpRequest } from './request.ts';
import type { Route } from './route.ts';

/** Sees requests and replies, and may change them. */
export interface Watch {
  /**
   * Answers a call instead of its route. `answer` is the route itself, guard included; it never
   * throws.
   */
  around(route: Route, call: Call, answer: (call: Call) => NowOrLater<Reply>): NowOrLater<Reply>;
  /**
   * Called for a request that reached no route (unknown path, method or client), with the reply it
   * got.
   */
  unrouted(request: HttpRequest, reply: Reply): void;
}
