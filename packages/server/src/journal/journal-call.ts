/**
 * One call as a journal shows it. These are plain types, because `quiver-server/sandbox` exports
 * them too.
 */

import type { IdKind } from '../domain/visitor-id.ts';

/**
 * The names of routes in a journal: metered routes have the names of the usage, the others are
 * named by what they do.
 */
export type RouteName =
  | 'visit'
  | 'fetch'
  | 'update'
  | 'remove'
  | 'batch'
  | 'batchStatus'
  | 'token'
  | 'settings'
  | 'admin';

/** An id as the call wrote it. */
export interface NamedId {
  readonly kind: IdKind;
  readonly value: string;
}

/** What a call did to a profile. */
export interface CallChange {
  readonly what: 'created' | 'updated' | 'merged' | 'removed' | 'attribute removed' | 'none';
  readonly kind: string;
  readonly id: string;
  /** The attributes that were set, as sent. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Why nothing changed, or when it will. */
  readonly why?: string;
}

/** One call, as the journal shows it. */
export interface JournalCall {
  /** Numbers the calls of the sandbox, starting at 1. */
  readonly id: number;
  /** ISO 8601, by the client's clock. */
  readonly at: string;
  /** Undefined for a request that reached no route. */
  readonly route: RouteName | undefined;
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As text, at most 64 KB. */
  readonly body: string;
  readonly status: number;
  readonly reply: string;
  /** Milliseconds until the reply was ready. */
  readonly ms: number;
  readonly ids: readonly NamedId[];
  readonly changes: readonly CallChange[];
  /** The fault that affected it. */
  readonly fault: string | undefined;
  /** Why it was refused or found nothing; undefined when it succeeded. */
  readonly reason: string | undefined;
}

/** A filter of calls; a member that is absent matches all. */
export interface CallFilter {
  readonly route?: RouteName | undefined;
  readonly client?: string | undefined;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly status?: number | undefined;
  /** Any id that the call named. */
  readonly id?: string | undefined;
  readonly tntId?: string | undefined;
  readonly thirdPartyId?: string | undefined;
  readonly ecid?: string | undefined;
  readonly customerId?: string | undefined;
  /** Only calls with a higher number. */
  readonly since?: number | undefined;
}
