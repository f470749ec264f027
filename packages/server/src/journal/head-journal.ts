/**
 * The journal of one process of a server (`--journal`): the heads and outcomes of the last calls
 * (contract section 11). It keeps no body and no credentials.
 */

import { isLater, type NowOrLater, whenKnown } from '../now-or-later.ts';
import type { Call } from '../wire/call.ts';
import type { Reply } from '../wire/replies.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { Route } from '../wire/route.ts';
import { rawPathOf, rawQueryOf } from '../wire/target.ts';
import type { Watch } from '../wire/watch.ts';
import { mismatches } from './call-filter.ts';
import { idsOfCall } from './call-ids.ts';
import { reasonOf, SHOWN_HEADERS } from './call-outcome.ts';
import type { CallFilter, JournalCall, NamedId, RouteName } from './journal-call.ts';
import { routeName } from './route-names.ts';

/**
 * The numbers of one process are this far apart, so that two processes of a server never use the
 * same number.
 */
export const MAX_PROCESSES = 64;
/** How many numbers a process has per millisecond before they run ahead of the clock. */
const NUMBERS_A_MS = 16;
/** Parameters whose value is not shown. */
const SECRET_NAME = /token|secret|password|authorization/i;
/** How many calls a journal of refusals keeps. */
const REFUSALS = 100;
/** How far into a reply to a visit the visitor's id is searched, in characters. */
const ID_WITHIN = 1000;

interface KeptHead {
  readonly id: number;
  readonly at: number;
  readonly route: RouteName | undefined;
  readonly client: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  readonly ms: number;
  readonly givenId: string | undefined;
  readonly reason: string | undefined;
}

export interface HeadJournalOptions {
  /**
   * How many calls are kept; the oldest is dropped when there are more. With `refused`, only calls
   * that were refused are kept, the last {@link REFUSALS}.
   */
  readonly keeps: number | 'refused';
  /** The number of this process of the server, 0 to {@link MAX_PROCESSES} - 1. */
  readonly process: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export class HeadJournal implements Watch {
  readonly #options: HeadJournalOptions;
  readonly #length: number;
  /** A ring buffer once it is full; the oldest call is then at `#next`. */
  #calls: KeptHead[] = [];
  #next = 0;
  #lastTick = 0;

  constructor(options: HeadJournalOptions) {
    this.#options = options;
    this.#length = options.keeps === 'refused' ? REFUSALS : options.keeps;
  }

  around(route: Route, call: Call, answer: (call: Call) => NowOrLater<Reply>): NowOrLater<Reply> {
    const name = routeName(route);
    if (name === undefined) return answer(call);
    const started = performance.now();
    if (this.#options.keeps === 'refused') {
      const given = answer(call);
      if (!isLater(given)) return this.#noteRefusal(given, call, name, started);
      return given.then((reply) => this.#noteRefusal(reply, call, name, started));
    }
    const at = this.#options.now();
    const kept = (reply: Reply): Reply => {
      this.#add(call.request, reply, name, call.client, at, performance.now() - started);
      return reply;
    };
    return whenKnown(answer(call), kept);
  }

  /** Keeps a call that was refused. Nearly free for the others. */
  #noteRefusal(reply: Reply, call: Call, name: RouteName, started: number): Reply {
    if (isRefusal(reply, name)) {
      const ms = performance.now() - started;
      this.#add(call.request, reply, name, call.client, this.#options.now() - ms, ms);
    }
    return reply;
  }

  unrouted(request: HttpRequest, reply: Reply): void {
    this.#add(request, reply, undefined, '', this.#options.now(), 0);
  }

  /** The calls that match a filter, oldest first. */
  find(filter: CallFilter): JournalCall[] {
    return this.#inOrder()
      .map(shown)
      .filter((call) => mismatches(call, filter).length === 0);
  }

  /** Deletes the calls of one client, or of all. */
  clear(client: string | undefined): void {
    this.#calls = client === undefined ? [] : this.#inOrder().filter((call) => call.client !== client);
    this.#next = 0;
  }

  #inOrder(): KeptHead[] {
    return [...this.#calls.slice(this.#next), ...this.#calls.slice(0, this.#next)];
  }

  #add(
    { method, url, headers }: HttpRequest,
    { status, body }: Reply,
    route: RouteName | undefined,
    client: string,
    at: number,
    ms: number,
  ): void {
    const { process } = this.#options;
    this.#lastTick = Math.max(this.#lastTick + 1, at * NUMBERS_A_MS);
    const text = typeof body === 'string' ? body : '';
    const mayHaveFailed = status >= 400 || route === 'update' || route === 'batch';
    const kept: KeptHead = {
      id: this.#lastTick * MAX_PROCESSES + process,
      ...{ at, route, client, method, url, status, ms },
      headers: shownHeaders(headers),
      givenId: route === 'visit' && status < 400 ? tntIdIn(text) : undefined,
      reason: mayHaveFailed ? reasonOf(status, text) : undefined,
    };
    if (this.#calls.length < this.#length) {
      this.#calls.push(kept);
      return;
    }
    this.#calls[this.#next] = kept;
    this.#next = (this.#next + 1) % this.#length;
  }
}

/**
 * Whether a call was refused. That a fetch finds no profile is an ordinary answer, of which a busy
 * server has many.
 */
function isRefusal({ status, body }: Reply, route: RouteName): boolean {
  if (status >= 400) return !(status === 404 && route === 'fetch');
  if (route !== 'update' && route !== 'batch') return false;
  return typeof body === 'string' && reasonOf(status, body) !== undefined;
}

function shownHeaders(headers: HttpRequest['headers']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of SHOWN_HEADERS) {
    const value = headers.get(name);
    if (value !== null) kept[name] = value;
  }
  return kept;
}

function tntIdIn(text: string): string | undefined {
  const at = text.indexOf('"tntId":"');
  if (at === -1 || at > ID_WITHIN) return undefined;
  const start = at + '"tntId":"'.length;
  return text.slice(start, text.indexOf('"', start));
}

function shown({ url, at, givenId, ms, reason, ...call }: KeptHead): JournalCall {
  const contentType = call.headers['content-type'] ?? '';
  const ids: NamedId[] = idsOfCall({ route: call.route, url, contentType, body: '', reply: '' });
  if (givenId !== undefined && !ids.some(({ value }) => value === givenId)) {
    ids.push({ kind: 'tntId', value: givenId });
  }
  return {
    ...call,
    at: new Date(at).toISOString(),
    path: rawPathOf(url),
    query: withoutSecrets(rawQueryOf(url)),
    body: '',
    reply: '',
    ms: Math.round(ms * 1000) / 1000,
    ids,
    changes: [],
    fault: undefined,
    reason,
  };
}

function withoutSecrets(query: string): string {
  return query
    .split('&')
    .map((parameter) => {
      const name = parameter.split('=', 1)[0]!;
      return name !== parameter && SECRET_NAME.test(name) ? `${name}=…` : parameter;
    })
    .join('&');
}
