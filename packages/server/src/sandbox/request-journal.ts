/**
 * The journal of a client of a sandbox: the last calls and their outcomes (contract section 13).
 *
 * A call is kept as it arrived. Its ids and its outcome are extracted only when the journal is
 * read, so that keeping it costs almost nothing.
 */

import { mismatches } from '../journal/call-filter.ts';
import { idsOfCall } from '../journal/call-ids.ts';
import { reasonOf, SHOWN_HEADERS } from '../journal/call-outcome.ts';
import type { CallChange, CallFilter, JournalCall, RouteName } from '../journal/journal-call.ts';
import type { Reply } from '../wire/replies.ts';
import { rawPathOf, rawQueryOf } from '../wire/target.ts';
import type { RecordedRequest } from './recorded-request.ts';

export const JOURNAL_LENGTH = 1000;
/** The most bytes of bodies that a journal keeps; the oldest calls are dropped first. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_REPLY = 64 * 1024;

/** A call, as it is kept. */
export interface KeptCall {
  readonly id: number;
  readonly at: number;
  readonly route: RouteName | undefined;
  readonly client: string;
  readonly request: RecordedRequest;
  readonly reply: Reply;
  readonly ms: number;
  readonly changes: readonly CallChange[];
  readonly fault: string | undefined;
}

export class RequestJournal {
  #calls: { readonly kept: KeptCall; shown: JournalCall | undefined; readonly bytes: number }[] = [];
  #bytes = 0;
  readonly #listeners = new Set<(call: JournalCall) => void>();

  /** Keeps a call; the oldest is dropped when there are too many. */
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

  /** The calls that match a filter, oldest first. */
  find(filter: CallFilter = {}): JournalCall[] {
    return this.#calls.map(shownBy).filter((call) => mismatches(call, filter).length === 0);
  }

  clear(): void {
    this.#calls = [];
    this.#bytes = 0;
  }

  /** Reports every call from now on. @returns a function that stops the reports */
  listen(listener: (call: JournalCall) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function shownBy(entry: { readonly kept: KeptCall; shown: JournalCall | undefined }): JournalCall {
  entry.shown ??= shown(entry.kept);
  return entry.shown;
}

function shown(kept: KeptCall): JournalCall {
  const { request, reply, route } = kept;
  // A token that is shown to the admin once must not be readable in the journal.
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
    reason: kept.fault === undefined ? reasonOf(reply.status, text) : undefined,
  };
}

function replyText({ body }: Reply): string {
  if (body === null || body instanceof ReadableStream) return '';
  return (typeof body === 'string' ? body : Buffer.from(body).toString('utf8')).slice(0, MAX_REPLY);
}
