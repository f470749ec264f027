/** What the server answers. Times are ISO 8601 texts. */

import type { IdKind } from './profile-id.ts';

/** A profile as a fetch gives it; its attributes come oldest first. */
export interface Profile {
  readonly client: string;
  /** The id that was asked for, as it was given. */
  readonly visitorId: string;
  readonly modifiedAt: string;
  readonly profileAttributes: Readonly<
    Record<string, { readonly value: string; readonly modifiedAt: string }>
  >;
}

/** How far a batch is. */
export interface BatchStatus {
  readonly batchId: string;
  /** `incomplete` is waiting or running; `stuck` cannot go on without help. */
  readonly status: 'complete' | 'incomplete' | 'stuck' | (string & {});
  /** All counts are of rows. */
  readonly size: number;
  /** Absent where the server does not tell, as Adobe's does not in every case. */
  readonly consumed?: number;
  readonly successful?: number;
  /** Rows of a v1 batch that had no profile. */
  readonly notFound?: number;
  readonly failed?: number;
  /** The ids of failed rows, as far as the server names them: at most 1,000. */
  readonly failedIds: readonly string[];
}

/** What a token is for: the profile APIs, or the trace of a visit. */
export type TokenScope = 'profile_api' | 'debug_tools';

/** A token of a client. */
export interface ClientToken {
  readonly accessToken: string;
  /** Seconds that are left. */
  readonly expiresIn: number;
}

/** The settings of a client that Quiver knows; members that it does not know are kept and come back. */
export interface ClientSettings {
  readonly enableProfileApiAuthentication?: boolean;
  /** Days that a profile lives after its last write. */
  readonly profileLifetimeDays?: number;
  /** Days that a new profile token is good. */
  readonly tokenLifetimeDays?: number;
  /** What becomes of a write that would make a profile too large (Quiver alone). */
  readonly whenTooLarge?: 'refuse' | 'drop-oldest';
  /** How closely visits are held to Adobe's description (Quiver alone). */
  readonly checking?: 'lenient' | 'strict';
  /** What an update of an unknown profile is answered (Quiver alone); with `success` no client can tell. */
  readonly unknownUpdate?: 'tell' | 'success';
  /** Integration codes whose authenticated customer ids name a person (Quiver alone). */
  readonly customerIdAliases?: readonly string[] | null;
  /** What becomes of ids such as `undefined` (Quiver alone). */
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
  /** Where its journal of calls is; null when it keeps none, absent where the server does not tell. */
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
  /** Absent for a call that reached no route. */
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
  /** Why it was refused or found nothing. */
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
  /** Why it could not be asked. */
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

/** One attribute as the Admin API shows it. */
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
  /** The ten oldest. */
  readonly ids: readonly { readonly kind: IdKind; readonly id: string; readonly since: string }[];
  readonly idCount: number;
  readonly modifiedAt: string;
  readonly expiresAt: string;
  readonly sizeBytes: number;
  readonly attributeCount: number;
  /** Where they were asked for. */
  readonly attributes?: readonly AttributeView[];
}

/** A page of a list; it can be short, even empty, and have `next`. */
export interface ProfilePage {
  readonly profiles: readonly ListedProfile[];
  /** Where the next page begins; absent at the end. */
  readonly next?: string;
}

/** An export as it comes. */
export interface ProfileExport {
  /** With it, and the `position` of the last whole line, an export goes on after a broken connection. */
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
    /** The keyed hash of the id. */
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
  /** Why it is stuck. */
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
  /** How it came: `visit`, `update`, `batch`, `console`, `script`, `removal`, `edge` or `expiry`. */
  readonly channel: string;
  /** An id that named the profile right after the change. */
  readonly profile: KindOfId;
  /** `created`, `updated`: names of attributes that were set or removed. */
  readonly attributes?: readonly string[];
  /** `linked`: ids that joined. `moved`: ids that left; without it the whole profile left. */
  readonly ids?: readonly KindOfId[];
  /** `merged`: ids of the profile that became part of this one, and names of which its values gave way. */
  readonly from?: readonly KindOfId[];
  readonly overruled?: readonly string[];
  /** With `include: 'profile'`: the profile as it was when the feed was read; null when the id named none. */
  readonly state?: Pick<ProfileView, 'ids' | 'modifiedAt' | 'expiresAt' | 'attributes'> | null;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  readonly next: string;
  /** Whether the feed went on behind `next`. */
  readonly more: boolean;
}

/** Where changes are sent (Quiver alone). */
export interface WebhookView {
  readonly id: string;
  readonly url: string;
  /** Null: all. */
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
