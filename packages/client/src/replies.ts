/** The replies of the server. Times are ISO 8601 strings. */

import type { IdKind } from './profile-id.ts';

/** A profile, as a fetch returns it; its attributes are listed oldest first. */
export interface Profile {
  readonly client: string;
  /** The id of the request, as it was given. */
  readonly visitorId: string;
  readonly modifiedAt: string;
  readonly profileAttributes: Readonly<
    Record<string, { readonly value: string; readonly modifiedAt: string }>
  >;
}

/** The status of a batch. */
export interface BatchStatus {
  readonly batchId: string;
  /** `incomplete` is waiting or running; `stuck` cannot continue without help. */
  readonly status: 'complete' | 'incomplete' | 'stuck' | (string & {});
  /** All counts are of rows. */
  readonly size: number;
  /** Absent where the server does not report it, as Adobe's does not in every case. */
  readonly consumed?: number;
  readonly successful?: number;
  /** Rows of a v1 batch that had no profile. */
  readonly notFound?: number;
  readonly failed?: number;
  /** The ids of failed rows that the server lists: at most 1,000. */
  readonly failedIds: readonly string[];
}

/** What a token permits: calling the profile APIs, or seeing the trace of a visit. */
export type TokenScope = 'profile_api' | 'debug_tools';

/** A token of a client. */
export interface ClientToken {
  readonly accessToken: string;
  /** Remaining seconds. */
  readonly expiresIn: number;
}

/** The settings of a client that Quiver knows; unknown members are stored and returned. */
export interface ClientSettings {
  readonly enableProfileApiAuthentication?: boolean;
  /** Days that a new profile token is valid. */
  readonly profileLifetimeDays?: number;
  /** What happens to a write that would make a profile too large (only Quiver). */
  readonly tokenLifetimeDays?: number;
  /** Whether visits must comply with Adobe's description (only Quiver). */
  readonly whenTooLarge?: 'refuse' | 'drop-oldest';
  /**
   * How an update of an unknown profile is answered (only Quiver); `success` hides that it is
   * unknown.
   */
  readonly checking?: 'lenient' | 'strict';
  /**
   * What an update of an unknown profile is answered (Quiver alone); with `success` no client can
   * What happens to a write with an id such as `undefined` (only Quiver).
   */
  readonly unknownUpdate?: 'tell' | 'success';
  /** Integration codes whose authenticated customer ids name a person (Quiver alone). */
  readonly customerIdAliases?: readonly string[] | null;
  /** A description of the server itself. */
  readonly placeholderIds?: 'warn' | 'refuse';
  readonly [member: string]: unknown;
}

/** The server itself. */
export interface ServerView {
  readonly version: string;
  readonly startedAt: string;
  readonly cluster: number;
  readonly locationHint: string;
  readonly store: { readonly kind: string; readonly profiles: number; readonly bytes: number };
  readonly workers: number;
  /** What a client's own host name ends in; absent where the server does not tell. */
  readonly serverDomain?: string;
  readonly clients?: readonly string[];
  /**
   * Where its journal of calls is; null when it keeps none, absent where the server does not tell.
   */
  readonly requests?: '/requests' | '/sandbox/requests' | null;
  /** Whether it is a sandbox, for tests. */
  readonly sandbox?: boolean;
}

/** One call of a journal. */
export interface JournalCall {
  /** Grows with each call. */
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  /** Only in a sandbox, like the reply; a server keeps neither. */
  readonly route?: string;
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a sandbox alone, as the reply; a server keeps neither. */
  readonly body: string;
  readonly status: number;
  readonly reply: string;
  /** Milliseconds until the reply was there. */
  readonly ms: number;
  readonly ids: readonly {
    readonly kind: 'tntId' | 'thirdPartyId' | 'ecid' | 'customerId';
    readonly value: string;
  }[];
  readonly changes: readonly {
    readonly what: string;
    readonly kind: string;
    readonly id: string;
    readonly attributes?: Readonly<Record<string, string>>;
    readonly why?: string;
  }[];
  /** The fault of a sandbox that struck it. */
  readonly fault?: string;
  /** Null for the cluster that was called. */
  readonly reason?: string;
}

/** An edge cluster as the asked server sees it. */
export interface EdgeView {
  readonly cluster: number;
  /** Null for the cluster that was asked. */
  readonly url: string | null;
  readonly reachable: boolean;
  readonly roundTripMs: number | null;
  readonly profiles: number | null;
  readonly version: string | null;
  /** The usage of one day. */
  readonly problem: string | null;
}

/** The kinds of profile API calls that are counted. */
export const PROFILE_API_KINDS = ['fetches', 'updates', 'batchUploads', 'batchStatuses', 'removals'] as const;

/** What was counted in one day. */
export interface UsageDay {
  /** `2026-11-24`, UTC. */
  readonly day: string;
  readonly mboxCalls: number;
  /** Ids such as `undefined` that came with a write. */
  readonly placeholderIds: number;
  readonly profileApiCalls: Readonly<Record<(typeof PROFILE_API_KINDS)[number], number>>;
}

/** A profile, as the Admin API shows it: with all its ids and its time of expiry. */
export interface AttributeView {
  readonly name: string;
  readonly value: string;
  readonly modifiedAt: string;
}

/** A profile as the Admin API shows it: with all its ids and when it expires. */
export interface ProfileView {
  readonly kind: IdKind;
  readonly id: string;
  readonly ids: readonly {
    readonly kind: IdKind;
    readonly id: string;
    readonly since?: string | null;
    /** Such as `undefined`: many visitors may share it. */
    readonly isPlaceholder?: boolean;
  }[];
  readonly createdAt?: string | null;
  readonly modifiedAt: string;
  readonly expiresAt: string;
  readonly sizeBytes: number;
  readonly maxBytes: number;
  readonly attributes: readonly AttributeView[];
  /** The session of the last call; only where sessions are noted. */
  readonly session?: {
    /** Which session it is; the first is 1. */
    readonly number: number;
    readonly start: string;
    readonly lastCall: string;
    /** Whether 30 minutes have passed since the last call. */
    readonly hasEnded: boolean;
    readonly landingPage?: string;
  };
  /** What the visitor looks at, highest score first; only where categories were sent. */
  readonly categoryAffinities?: readonly { readonly category: string; readonly score: number }[];
  /** What uploads have set. */
  readonly customerAttributes?: readonly (AttributeView & { readonly source: string })[];
}

/** A profile of a list. */
export interface ListedProfile {
  /** The id that was found by its prefix, else the oldest. */
  readonly kind: IdKind;
  readonly id: string;
  /** Present if they were requested. */
  readonly ids: readonly { readonly kind: IdKind; readonly id: string; readonly since: string }[];
  readonly idCount: number;
  readonly modifiedAt: string;
  readonly expiresAt: string;
  readonly sizeBytes: number;
  readonly attributeCount: number;
  /** The cursor of the next page; absent on the last page. */
  readonly attributes?: readonly AttributeView[];
}

/** An export, as it arrives. */
export interface ProfilePage {
  readonly profiles: readonly ListedProfile[];
  /** Where the next page begins; absent at the end. */
  readonly next?: string;
}

/** The result of an import. */
export interface ProfileExport {
  /**
   * With it, and the `position` of the last whole line, an export goes on after a broken
   * Left out because they have expired.
   */
  readonly snapshot: string;
  readonly body: ReadableStream<Uint8Array>;
}

/** What an import came to. */
export interface ImportCounts {
  readonly profiles: number;
  readonly imported: number;
  /** Left out, because their time has passed. */
  readonly expired: number;
  /** Left out, because they must not be stored. */
  readonly suppressed: number;
}

/** A source of customer attributes. */
export interface CustomerSourceView {
  readonly source: string;
  /** What its ids are: customer ids whose alias is the source, or thirdPartyIds. */
  readonly ids: 'customerId' | 'thirdPartyId';
  /** The attributes of the last file. */
  readonly attributes: readonly string[];
  readonly createdAt: string;
  readonly uploadedAt: string;
}

/** A file of customer attributes that was accepted. */
export interface AcceptedCustomerFile {
  readonly batchId: string;
  readonly source: string;
  readonly rows: number;
  /** Where to ask how far it has come. */
  readonly status: string;
}

/** What a request for privacy asks for. */
export type PrivacyType = 'access' | 'erase' | 'suppress' | 'unsuppress';

/** A request for privacy and how far it is. */
export interface PrivacyRequestView {
  readonly id: string;
  readonly type: PrivacyType;
  readonly state: 'running' | 'complete';
  readonly createdAt: string;
  readonly finishedAt: string | null;
  /** In the order of the identities. */
  readonly results: readonly {
    readonly kind: IdKind;
    /** Whether there was a profile. */
    readonly found: boolean;
    /** A batch, as the Admin API shows it. */
    readonly reference: string;
    /** Of an access request alone. */
    readonly id?: string;
    readonly file?: string;
  }[];
  /** What it waits for, in words. */
  readonly waitingFor: readonly string[];
}

/** A batch as the Admin API shows it. */
export interface BatchView {
  readonly id: string;
  readonly version: 'v1' | 'v2';
  /** Of a file of customer attributes its source. */
  readonly source?: string;
  readonly state: 'waiting' | 'running' | 'complete' | 'stuck';
  readonly rows: number;
  readonly bytes: number;
  readonly consumed: number;
  readonly successful: number;
  readonly notFound: number;
  readonly failed: number;
  readonly acceptedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Whether it is a row of a v1 batch whose profile does not exist. */
  readonly reason: string | null;
}

/** A row of a batch that was not applied. */
export interface FailedRow {
  /** The line of the batch as it was sent; its first is 1. */
  readonly line: number;
  readonly id: string;
  readonly reason: string;
  /** Whether it is a row of a v1 batch whose profile is not there. */
  readonly notFound: boolean;
}

/** Some failed rows, in the order of the file. */
export interface FailuresPage {
  readonly failures: readonly FailedRow[];
  /** Where the next page begins; absent on the last. */
  readonly nextLine?: number;
}

/** What happened to a profile (Quiver alone). */
export type ChangeType = 'created' | 'updated' | 'linked' | 'merged' | 'moved' | 'expired' | 'removed';

/** An id with its kind. */
export interface KindOfId {
  readonly kind: IdKind;
  readonly id: string;
}

/** One change of the change feed (Quiver alone). */
export interface Change {
  /** Where to go on behind it. */
  readonly cursor: string;
  readonly type: ChangeType;
  readonly at: string;
  /**
   * How it came: `visit`, `update`, `batch`, `console`, `script`, `removal`, `edge` or `expiry`.
   */
  readonly channel: string;
  /** An id that named the profile right after the change. */
  readonly profile: KindOfId;
  /** `created`, `updated`: names of attributes that were set or removed. */
  readonly attributes?: readonly string[];
  /** Whether the feed has more changes after `next`. */
  readonly ids?: readonly KindOfId[];
  /**
   * `merged`: ids of the profile that became part of this one, and names of which its values gave
   * A webhook: a URL to which changes are sent (only Quiver).
   */
  readonly from?: readonly KindOfId[];
  readonly overruled?: readonly string[];
  /**
   * With `include: 'profile'`: the profile as it was when the feed was read; null when the id named
   * none.
   */
  readonly state?: Pick<ProfileView, 'ids' | 'modifiedAt' | 'expiresAt' | 'attributes'> | null;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  readonly next: string;
  /** The last error. */
  readonly more: boolean;
}

/** Only present when it has just been created. */
export interface WebhookView {
  readonly id: string;
  readonly url: string;
  /** The settings of a webhook. */
  readonly types: readonly ChangeType[] | null;
  readonly paused: boolean;
  readonly createdAt: string;
  /** All changes up to here are delivered or given up. */
  readonly cursor: string | null;
  /** How many changes are tried again later. */
  readonly waiting: number;
  readonly deliveredAt: string | null;
  readonly failedAt: string | null;
  /** What was wrong last. */
  readonly error: string | null;
  /** Whether changes were kept no longer before they could be sent. */
  readonly missed: boolean;
  /** Only when it was just made. */
  readonly secret?: string;
}

/** What may be said of a webhook. */
export interface WebhookWanted {
  readonly url?: string;
  /** All by default. */
  readonly types?: readonly ChangeType[] | null;
  readonly paused?: boolean;
}

/** A message that was given up. */
export interface WebhookFailure {
  readonly cursor: string;
  readonly at: string;
  readonly attempts: number;
  readonly error: string;
  /** The body as it was sent. */
  readonly message: unknown;
}
