/** Applies limits, faults and the journal to a call on its way into a client's world and back. */

import type { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout } from 'node:timers/promises';
import { idsOfCall } from '../journal/call-ids.ts';
import { routeName } from '../journal/route-names.ts';
import { type NowOrLater, whenKnown } from '../now-or-later.ts';
import type { Call } from '../wire/call.ts';
import { lastValue } from '../wire/parameters.ts';
import { JSON_HEADERS, PLAIN_HEADERS, Reply, refusal } from '../wire/replies.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { Route } from '../wire/route.ts';
import type { Watch } from '../wire/watch.ts';
import type { ClientWorld } from './client-world.ts';
import type { FaultList } from './faults.ts';
import type { Change, FaultInput, RouteName } from './public-types.ts';
import { RecordedRequest } from './recorded-request.ts';
import type { RequestJournal } from './request-journal.ts';

export interface CallWatchParts {
  readonly worldOf: (client: string) => ClientWorld | Promise<ClientWorld>;
  readonly faults: FaultList;
  /** The journal of calls that reached no client. */
  readonly strays: RequestJournal;
  /** Collects the changes of the call that is being answered. */
  readonly changes: AsyncLocalStorage<Change[]>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type Answer = Parameters<Watch['around']>[2];
type Given = NowOrLater<Reply>;

interface Watched {
  readonly world: ClientWorld;
  readonly name: RouteName;
  readonly route: Route;
  readonly call: Call;
  readonly request: RecordedRequest;
  readonly answer: Answer;
}

export class CallWatch implements Watch {
  readonly #parts: CallWatchParts;
  #calls = 0;

  constructor(parts: CallWatchParts) {
    this.#parts = parts;
  }

  around(route: Route, call: Call, answer: Answer): Given {
    if (route.scope === 'server') return answer(call);
    const world = this.#parts.worldOf(call.client);
    return whenKnown(world, (opened) => this.#within(opened, route, call, answer));
  }

  unrouted(request: HttpRequest, reply: Reply): void {
    this.#calls += 1;
    const { strays, now } = this.#parts;
    const recorded = new RecordedRequest(request);
    strays.add({
      ...{ id: this.#calls, at: now(), route: undefined, client: '', request: recorded, reply },
      ...{ ms: 0, changes: [], fault: undefined },
    });
  }

  #within(world: ClientWorld, route: Route, call: Call, answer: Answer): Given {
    const name = routeName(route);
    if (name === undefined) return answer(call);
    const request = new RecordedRequest(call.request);
    const recorded = call.withRequest(request);
    const changes: Change[] = [];
    const at = world.clock.now();
    const started = performance.now();
    const kept = ({ reply, fault }: Outcome): Reply => {
      this.#calls += 1;
      const ms = performance.now() - started;
      world.journal.add({
        ...{ id: this.#calls, at, route: name, client: call.client, request, reply, ms, changes, fault },
      });
      return reply;
    };
    const watched = { world, name, route, call: recorded, request, answer };
    const given = this.#parts.changes.run(changes, () => this.#answer(watched));
    return whenKnown(given, kept);
  }

  /** The answer of the route, of the weather, or of a fault. */
  #answer(watched: Watched): Outcome | Promise<Outcome> {
    const { world, name, route, call, answer } = watched;
    const limited = world.limits.refuse(name, route);
    if (limited) return { reply: limited };
    const session = name === 'visit' && world.weather.callsASession !== null ? sessionOf(call) : undefined;
    // A visit that a fault delays counts as open for the whole delay.
    if (session !== undefined) return this.#inSession(session, watched);
    if (!this.#parts.faults.isEmpty) return this.#faulted(watched);
    return whenKnown(answer(call), (reply): Outcome => ({ reply }));
  }

  async #inSession(session: string, watched: Watched): Promise<Outcome> {
    const { world, route, call, answer } = watched;
    const begun = world.limits.begin(session, route);
    if (typeof begun !== 'function') return { reply: begun };
    try {
      return this.#parts.faults.isEmpty ? { reply: await answer(call) } : await this.#faulted(watched);
    } finally {
      begun();
    }
  }

  async #faulted({ world, name, call, route, request, answer }: Watched): Promise<Outcome> {
    const { faults } = this.#parts;
    const client = world.client;
    if (faults.needsIds(name, client)) await request.readAhead();
    const contentType = request.headers.get('content-type') ?? '';
    const ids = () =>
      idsOfCall({ route: name, url: request.url, contentType, body: request.text, reply: '' }).map(
        ({ value }) => value,
      );
    const struck = faults.strike({ route: name, client, ids });
    if (!struck) return { reply: await answer(call) };
    const { id, fault } = struck;
    const isDelayAlone = fault.delayMs !== undefined && !hasAnswer(fault) && fault.cut === undefined;
    const applied = fault.applied || isDelayAlone ? await answer(call) : undefined;
    if (fault.delayMs !== undefined) await setTimeout(fault.delayMs);
    if (isDelayAlone) return { reply: applied!, fault: id };
    const reply = hasAnswer(fault) || !applied ? faultReply(fault, route, id) : applied;
    return { reply: fault.cut === undefined ? reply : CUT[fault.cut](reply), fault: id };
  }
}

interface Outcome {
  readonly reply: Reply;
  /** The fault that affected it. */
  readonly fault?: string;
}

function hasAnswer({ status, body, retryAfter }: FaultInput): boolean {
  return status !== undefined || body !== undefined || retryAfter !== undefined;
}

function faultReply(fault: FaultInput, route: Route, id: string): Reply {
  const { status = 503, body, retryAfter } = fault;
  const headers: Record<string, string> =
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  if (status === 204 || status === 304) return new Reply(null, status, headers);
  if (body === undefined) return refusal(route.style, status, `Fault of the sandbox: ${id}`, headers);
  const type = /^\s*[[{]/.test(body) ? JSON_HEADERS : PLAIN_HEADERS;
  return new Reply(body, status, { ...type, ...headers });
}

/** A reply during which the connection is cut. */
const CUT = {
  head: ({ body, status, headers }: Reply) => new Reply(body, status, { ...headers, connection: 'cut' }),
  body: withCutBody,
};

/** A reply whose body fails half-way, so that the connection is cut. */
function withCutBody({ body, status, headers }: Reply): Reply {
  const text = typeof body === 'string' ? body : '';
  const half = Buffer.from(text.slice(0, Math.ceil(text.length / 2)));
  let isSent = half.length === 0;
  const cut = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (isSent) controller.error(new Error('cut by a fault of the sandbox'));
      else controller.enqueue(new Uint8Array(half));
      isSent = true;
    },
  });
  return new Reply(cut, status, headers);
}

/** The session of a visit, if the query or the path names it. */
function sessionOf(call: Call): string | undefined {
  const { query } = call;
  return call.sentParam('sessionId') ?? lastValue(query, 'sessionId') ?? lastValue(query, 'mboxSession');
}
