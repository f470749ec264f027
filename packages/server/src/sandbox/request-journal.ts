/**
 * The journal: the last calls that a client of a sandbox was sent, with what came of them (contract section 13).
 *
 * A call is kept as it came; what it named and what it was answered is read from that when somebody looks, so that keeping it
 * costs the call next to nothing.
 */

import type { Reply } from '../wire/replies.ts';
import { rawPathOf, rawQueryOf } from '../wire/target.ts';
import { idsOfCall } from './call-ids.ts';
import type { CallFilter, Change, JournalCall, RouteName } from './public-types.ts';
import type { RecordedRequest } from './recorded-request.ts';

export const JOURNAL_LENGTH = 1000;
/** The most bytes of bodies that a journal holds; the oldest calls go first. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_REPLY = 64 * 1024;

/** The headers that a call shows; none that lets others in, such as `Authorization` and `Cookie`. */
const SHOWN_HEADERS = [
  'host',
  'content-type',
  'content-length',
  'content-encoding',
  'accept',
  'origin',
  'referer',
  'user-agent',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
];

/** A call as it is kept. */
export interface KeptCall {
  readonly id: number;
  readonly at: number;
  readonly route: RouteName | undefined;
  readonly client: string;
  readonly request: RecordedRequest;
  readonly reply: Reply;
  readonly ms: number;
  readonly changes: readonly Change[];
  readonly fault: string | undefined;
}

export class RequestJournal {
  #calls: { readonly kept: KeptCall; shown: JournalCall | undefined; readonly bytes: number }[] = [];
  #bytes = 0;
  readonly #listeners = new Set<(call: JournalCall) => void>();

  /** Keeps a call; the oldest goes when there are too many. */
  add(kept: KeptCall): void {
    kept.request.release(SHOWN_HEADERS);
    const bytes = kept.request.keptBytes + (typeof kept.reply.body === 'string' ? kept.reply.body.length : 0);
    const entry = { kept, shown: undefined, bytes };
    this.#calls.push(entry);
    this.#bytes += bytes;
    if (this.#calls.length > JOURNAL_LENGTH || this.#bytes > MAX_BYTES) {
      this.#bytes -= this.#calls.shift()!.bytes;
    }
    if (this.#listeners.size === 0) return;
    const call = shownBy(entry);
    for (const listener of this.#listeners) listener(call);
  }

  /** The calls that a filter lets through, oldest first. */
  find(filter: CallFilter = {}): JournalCall[] {
    return this.#calls.map(shownBy).filter((call) => mismatches(call, filter).length === 0);
  }

  clear(): void {
    this.#calls = [];
    this.#bytes = 0;
  }

  /** Tells of every call from now on. @returns ends it */
  listen(listener: (call: JournalCall) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Says how a call differs from a filter, a phrase a member; nothing when it is let through. */
export function mismatches(call: JournalCall, filter: CallFilter): string[] {
  const problems: string[] = [];
  const { id, since, tntId, thirdPartyId, ecid, customerId, ...plain } = filter;
  for (const [member, wanted] of Object.entries(plain)) {
    const is = call[member as keyof typeof plain];
    if (wanted !== undefined && is !== wanted) problems.push(`${member} is ${String(is)}, not ${wanted}`);
  }
  if (since !== undefined && call.id <= since) problems.push(`it is call ${call.id}, not after ${since}`);
  const named = (kind: string | undefined, wanted: string | undefined) => {
    if (wanted === undefined) return;
    const ids = call.ids.filter((one) => kind === undefined || one.kind === kind);
    if (ids.some(({ value }) => isSameId(value, wanted))) return;
    const what = kind ?? 'ids';
    problems.push(`${what} is ${ids.map(({ value }) => value).join(', ') || 'missing'}, not ${wanted}`);
  };
  named(undefined, id);
  named('tntId', tntId);
  named('thirdPartyId', thirdPartyId);
  named('ecid', ecid);
  named('customerId', customerId);
  return problems;
}

/** A tntId is the same with and without its location hint. */
function isSameId(value: string, wanted: string): boolean {
  return value === wanted || value.replace(/\.\d{1,4}(_\d{1,4})?$/, '') === wanted;
}

function shownBy(entry: { readonly kept: KeptCall; shown: JournalCall | undefined }): JournalCall {
  entry.shown ??= shown(entry.kept);
  return entry.shown;
}

function shown(kept: KeptCall): JournalCall {
  const { request, reply, route } = kept;
  // A token that is shown to the admin once is not kept here for others to see.
  const text = route === 'token' ? '' : replyText(reply);
  const body = request.text.replaceAll(/("authorizationToken"\s*:\s*)"[^"]*"/g, '$1"…"');
  const contentType = request.kept['content-type'] ?? '';
  return {
    id: kept.id,
    at: new Date(kept.at).toISOString(),
    route,
    client: kept.client,
    method: request.method,
    path: rawPathOf(request.url),
    query: rawQueryOf(request.url),
    headers: request.kept,
    body,
    status: reply.status,
    reply: text,
    ms: Math.round(kept.ms * 1000) / 1000,
    ids: idsOfCall({ route, url: request.url, contentType, body, reply: text }),
    changes: kept.changes,
    fault: kept.fault,
    reason: reasonOf(reply.status, text, kept.fault),
  };
}

function replyText({ body }: Reply): string {
  if (body === null || body instanceof ReadableStream) return '';
  return (typeof body === 'string' ? body : Buffer.from(body).toString('utf8')).slice(0, MAX_REPLY);
}

/** Why a call was refused or found nothing, in the words of its answer. */
function reasonOf(status: number, text: string, fault: string | undefined): string | undefined {
  if (fault !== undefined) return undefined;
  const isRefusal = status >= 400 || text.includes('<success>false</success>');
  if (!isRefusal) return undefined;
  const message =
    /<message>([^<]*)<\/message>/.exec(text)?.[1] ?? /"message":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  return message ?? `status ${status}`;
}
