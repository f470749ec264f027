/** One call as a journal shows it: plain types, for `quiver-server/sandbox` shows them too. */

import type { IdKind } from '../domain/visitor-id.ts';

/** How a journal names routes: those that are metered as in the usage, the others by what they do. */
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
  /** What was set, as sent. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Why nothing changed, or when it will. */
  readonly why?: string;
}

/** One call as the journal shows it. */
export interface JournalCall {
  /** Counts the calls of the sandbox, from 1 on. */
  readonly id: number;
  /** ISO 8601, on the clock of the client. */
  readonly at: string;
  /** Undefined for a request that reached no route. */
  readonly route: RouteName | undefined;
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As text, at most 64 KB of it. */
  readonly body: string;
  readonly status: number;
  readonly reply: string;
  /** Milliseconds until the reply was there. */
  readonly ms: number;
  readonly ids: readonly NamedId[];
  readonly changes: readonly CallChange[];
  /** The fault that struck it. */
  readonly fault: string | undefined;
  /** Why it was refused or found nothing; undefined when all is well. */
  readonly reason: string | undefined;
}

/** Which calls somebody looks for; a member that is left out lets all through. */
export interface CallFilter {
  readonly route?: string | undefined;
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
  /** Calls with a higher number alone. */
  readonly since?: number | undefined;
}
