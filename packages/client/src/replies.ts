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
  /** Days that a profile lives after its last write. */
  readonly profileLifetimeDays?: number;
  /** Days that a new profile token is valid. */
  readonly tokenLifetimeDays?: number;
  /** What happens to a write that would make a profile too large (only Quiver). */
  readonly whenTooLarge?: 'refuse' | 'drop-oldest';
  /** Whether visits must comply with Adobe's description (only Quiver). */
  readonly checking?: 'lenient' | 'strict';
  /**
   * How an update of an unknown profile is answered (only Quiver); `success` hides that it is
   * unknown.
   */
  readonly unknownUpdate?: 'tell' | 'success';
  /** Integration codes whose authenticated customer ids name a person (only Quiver). */
  readonly customerIdAliases?: readonly string[] | null;
  /** What happens to a write with an id such as `undefined` (only Quiver). */
  readonly placeholderIds?: 'warn' | 'refuse';
  /** Whether a fetch shows customer attributes, as `crs.<source>.<attribute>` (only Quiver). */
  readonly customerAttributesInFetch?: boolean;
  /** The attributes by whose values a list finds profiles through an index (only Quiver). */
  readonly indexedAttributes?: readonly string[];
  readonly [member: string]: unknown;
}

/** A description of the server itself. */
export interface ServerView {
  readonly version: string;
  readonly startedAt: string;
  readonly cluster: number;
  readonly locationHint: string;
  readonly store: { readonly kind: string; readonly profiles: number; readonly bytes: number };
  readonly workers: number;
  /** The end of a client's own host name; absent where the server does not report it. */
  readonly serverDomain?: string;
  readonly clients?: readonly string[];
  /**
   * The path of its journal of calls; null when it keeps none, absent where the server does not
   * report it.
   */
  readonly requests?: '/requests' | '/sandbox/requests' | null;
  /** Which calls the journal keeps; null when there is none. */
  readonly requestsKept?: 'all' | 'refused' | null;
  /** Whether it is a sandbox, for tests. */
  readonly sandbox?: boolean;
}

/** What a server does at the moment. */
export interface LiveView {
  /** ISO 8601. */
  readonly at: string;
  /** The calls of all clients since the processes of the server started. */
  readonly traffic: {
    readonly calls: number;
    /** Calls with a status of 400 or above. */
    readonly refused: number;
    /**
     * How many calls took at most so many seconds, null for all; each step includes the ones before
     * it.
     */
    readonly latency: readonly { readonly seconds: number | null; readonly calls: number }[];
  };
  readonly server: ServerView;
  /** Free bytes on the disk of the data folder; null in a sandbox. */
  readonly diskFree: number | null;
  /** The batches that wait or run, and the last few others. */
  readonly batches: readonly BatchView[];
  /** The last 30 days. */
  readonly usage: readonly UsageDay[];
  /**
   * The latest refused calls of the journal and the latest others, oldest first; null when no
   * journal is kept.
   */
  readonly requests: readonly JournalCall[] | null;
}

/**
 * What has changed of a {@link LiveView}; a member that is absent is as before. `usage` has only
 * the days that changed, `requests` only new calls.
 */
export type LiveUpdate = Pick<LiveView, 'at'> & Partial<LiveView>;

/** A setting of the server. */
export interface ConfigurationLine {
  /** The name of its flag without dashes, or the variable of a secret. */
  readonly name: string;
  /** For a secret, only whether it is set. */
  readonly value: string;
  readonly origin: 'default' | 'file' | 'variable' | 'flag';
}

/** One call of a journal. */
export interface JournalCall {
  /** Increases with each call. */
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
  /** Only in a sandbox, like the reply; a server keeps neither. */
  readonly body: string;
  readonly status: number;
  readonly reply: string;
  /** Milliseconds until the reply was ready. */
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
  /** The fault of a sandbox that affected it. */
  readonly fault?: string;
  /** Why it was refused or found nothing. */
  readonly reason?: string;
}

/** An edge cluster, as the called server sees it. */
export interface EdgeView {
  readonly cluster: number;
  /** Null for the cluster that was called. */
  readonly url: string | null;
  readonly reachable: boolean;
  readonly roundTripMs: number | null;
  readonly profiles: number | null;
  readonly version: string | null;
  /** Why it could not be reached. */
  readonly problem: string | null;
}

/** The kinds of profile API calls that are counted. */
export const PROFILE_API_KINDS = ['fetches', 'updates', 'batchUploads', 'batchStatuses', 'removals'] as const;

/** The usage of one day. */
export interface UsageDay {
  /** `2026-11-24`, UTC. */
  readonly day: string;
  readonly mboxCalls: number;
  /** Ids such as `undefined` that were sent with a write. */
  readonly placeholderIds: number;
  readonly profileApiCalls: Readonly<Record<(typeof PROFILE_API_KINDS)[number], number>>;
}

/** One attribute, as the Admin API shows it. */
export interface AttributeView {
  readonly name: string;
  readonly value: string;
  readonly modifiedAt: string;
}

/** A profile, as the Admin API shows it: with all its ids and its time of expiry. */
export interface ProfileView {
  readonly kind: IdKind;
  readonly id: string;
  readonly ids: readonly {
    readonly kind: IdKind;
    readonly id: string;
    readonly since?: string | null;
    /** Set for an id such as `undefined`, which many visitors may share. */
    readonly isPlaceholder?: boolean;
  }[];
  readonly modifiedAt: string;
  readonly expiresAt: string;
  readonly sizeBytes: number;
  readonly maxBytes: number;
  readonly attributes: readonly AttributeView[];
  /** The session of the last call; only if sessions are recorded. */
  readonly session?: {
    /** The number of the session; the first is 1. */
    readonly number: number;
    readonly start: string;
    readonly lastCall: string;
    /** Whether 30 minutes have passed since the last call. */
    readonly hasEnded: boolean;
    readonly landingPage?: string;
  };
  /**
   * The categories that the visitor looks at, highest score first; only if categories were sent.
   */
  readonly categoryAffinities?: readonly { readonly category: string; readonly score: number }[];
  /** Attributes that were set by uploads. */
  readonly customerAttributes?: readonly (AttributeView & { readonly source: string })[];
}

/** A profile of a list. */
export interface ListedProfile {
  /** The id that matched the prefix, else the oldest. */
  readonly kind: IdKind;
  readonly id: string;
  /** The ten oldest. */
  readonly ids: readonly { readonly kind: IdKind; readonly id: string; readonly since: string }[];
  readonly idCount: number;
  readonly modifiedAt: string;
  readonly expiresAt: string;
  readonly sizeBytes: number;
  readonly attributeCount: number;
  /** Present if they were requested. */
  readonly attributes?: readonly AttributeView[];
}

/** The part that an attribute index had in a page of a list. */
export interface AttributeIndexUse {
  /**
   * `complete`: found through the index, which includes every change in the feed; `behind`: found
   * through the index, which includes the changes up to `upTo` only; `unfinished`: the index is not
   * built yet, so all profiles were searched.
   */
  readonly state: 'complete' | 'behind' | 'unfinished';
  /** The cursor of the change feed up to which the index includes changes. */
  readonly upTo?: string;
}

/** A page of a list; it may have few or no entries and still have `next`. */
export interface ProfilePage {
  readonly profiles: readonly ListedProfile[];
  /** The cursor of the next page; absent on the last page. */
  readonly next?: string;
  /** Present if the settings name the attribute of the query among `indexedAttributes`. */
  readonly index?: AttributeIndexUse;
}

/** An export, as it arrives. */
export interface ProfileExport {
  /**
   * Together with the `position` of the last complete line, this resumes an export after a broken
   * connection.
   */
  readonly snapshot: string;
  readonly body: ReadableStream<Uint8Array>;
}

/** The result of an import. */
export interface ImportCounts {
  readonly profiles: number;
  readonly imported: number;
  /** Left out because they have expired. */
  readonly expired: number;
  /** Left out because they must not be stored. */
  readonly suppressed: number;
}

/** A profile script. */
export interface ProfileScriptView {
  readonly name: string;
  /** The body of a function. */
  readonly script: string;
  readonly enabled: boolean;
  /** `off`: not enabled. `disabled`: the server does not run it; `reason` says why. */
  readonly state: 'active' | 'off' | 'disabled';
  readonly reason?: string;
  readonly disabledAt?: string;
  readonly changedAt: string;
  readonly runs: number;
  readonly errors: number;
  readonly lastError?: { readonly message: string; readonly at: string };
}

/** What to test a profile script with; every member is optional. */
export interface ProfileScriptTest {
  /** Run instead of the stored script. */
  readonly script?: string | undefined;
  /** The visitor whose profile the script reads; by default an unknown visitor. */
  readonly id?:
    | {
        readonly tntId?: string | undefined;
        readonly thirdPartyId?: string | undefined;
        readonly marketingCloudVisitorId?: string | undefined;
      }
    | undefined;
  readonly mbox?: string | undefined;
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  readonly page?: string | undefined;
  readonly referrer?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** What a tested profile script did. */
export interface ProfileScriptTested {
  readonly value?: unknown;
  readonly error?: string;
  readonly locals?: Readonly<Record<string, unknown>>;
  readonly milliseconds?: number;
  readonly instructions?: number;
}

/** A source of customer attributes. */
export interface CustomerSourceView {
  readonly source: string;
  /** The kind of its ids: customer ids whose alias is the source, or thirdPartyIds. */
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
  /** The URL of its status. */
  readonly status: string;
}

/** What an administrator did. */
export interface AuditEntryView {
  readonly at: string;
  /** The name of the admin token or of the console's session; it gives no access. */
  readonly by: { readonly kind: 'token' | 'session'; readonly id: string };
  /** Method and route. */
  readonly action: string;
  /** What it was done to; an id of a visitor as its `kind` and keyed hash (`reference`). */
  readonly target: Readonly<Record<string, string>>;
}

/** A page of what administrators did. */
export interface AuditPageView {
  readonly entries: readonly AuditEntryView[];
  /** The cursor of the next page; undefined at the end. */
  readonly next?: string;
}

/** One id of a profile with its kind, as the merge trail names it. */
export interface NamedId {
  readonly kind: IdKind;
  readonly id: string;
}

/** A recorded merge of two profiles. Times are ISO 8601. */
export interface MergeView {
  readonly id: string;
  readonly at: string;
  /** An id of the profile that stayed. */
  readonly into: NamedId;
  /** The ids of the profile that became part of it, with the time of each. */
  readonly from: readonly (NamedId & { readonly since: string })[];
  /** Its attributes as they were; undefined when they were too many to record. */
  readonly attributes?: readonly {
    readonly name: string;
    readonly value: string;
    readonly modifiedAt: string;
  }[];
  /** Its attributes whose values were not kept. */
  readonly overruled: readonly string[];
  /** Undefined unless the merge was undone. */
  readonly undoneAt?: string;
}

/** The merges of a profile. */
export interface MergeList {
  /** Newest first, at most 100. */
  readonly merges: readonly MergeView[];
  /** The numbers of edge clusters that could not be asked; they may have more merges. */
  readonly unreachable: readonly number[];
}

/** What undoing a merge changed, or would change. */
export interface UnmergeView {
  readonly id: string;
  /** Whether nothing was changed yet. */
  readonly preview: boolean;
  readonly into: NamedId;
  /** The ids that name a profile of their own again. */
  readonly ids: readonly NamedId[];
  /** The names of the attributes that this profile has again. */
  readonly attributes: readonly string[];
  /** The names of the attributes that the merged profile loses. */
  readonly removed: readonly string[];
}

/** The types of a privacy request. */
export type PrivacyType = 'access' | 'erase' | 'suppress' | 'unsuppress';

/** A privacy request and its progress. */
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
    /** Only for an access request. */
    readonly id?: string;
    readonly file?: string;
  }[];
  /** Descriptions of what it waits for. */
  readonly waitingFor: readonly string[];
  /** How the end of the request is reported; null when that was not asked for. */
  readonly callback: {
    readonly state: 'waiting' | 'delivered' | 'failed';
    /** Null unless it waits. */
    readonly url: string | null;
    readonly attempts: number;
    /** The last error. */
    readonly error: string | null;
    readonly deliveredAt: string | null;
  } | null;
}

/** A batch, as the Admin API shows it. */
export interface BatchView {
  readonly id: string;
  readonly version: 'v1' | 'v2';
  /** The source, for a file of customer attributes. */
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
  /** The line of the batch as it was sent; the first line is 1. */
  readonly line: number;
  readonly id: string;
  readonly reason: string;
  /** Whether it is a row of a v1 batch whose profile does not exist. */
  readonly notFound: boolean;
}

/** Some failed rows, in the order of the file. */
export interface FailuresPage {
  readonly failures: readonly FailedRow[];
  /** The first line of the next page; absent on the last page. */
  readonly nextLine?: number;
}

/** What happened to a profile (only Quiver). */
export type ChangeType = 'created' | 'updated' | 'linked' | 'merged' | 'moved' | 'expired' | 'removed';

/** An id with its kind. */
export interface KindOfId {
  readonly kind: IdKind;
  readonly id: string;
}

/** One change of the change feed (only Quiver). */
export interface Change {
  /** The cursor after this change. */
  readonly cursor: string;
  readonly type: ChangeType;
  readonly at: string;
  /**
   * How it was made: `visit`, `update`, `batch`, `console`, `script`, `removal`, `edge` or
   * `expiry`.
   */
  readonly channel: string;
  /** An id that named the profile right after the change. */
  readonly profile: KindOfId;
  /** `created`, `updated`: names of attributes that were set or removed. */
  readonly attributes?: readonly string[];
  /** `linked`: ids that joined. `moved`: ids that left; without it the whole profile left. */
  readonly ids?: readonly KindOfId[];
  /**
   * `merged`: ids of the profile that was merged into this one, and names of attributes of which
   * its values were discarded.
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
  /** Whether the feed has more changes after `next`. */
  readonly more: boolean;
}

/** A page of the changes of one profile (only Quiver). */
export interface Timeline {
  /** Newest first. */
  readonly changes: readonly Omit<Change, 'state'>[];
  /** `before` of the next page; absent when the feed has nothing older. */
  readonly next?: string;
  /**
   * Why the page ends: it is full (`limit`), the call has read as much of the feed as one call may
   * (`bound`), or it has read the oldest change that is kept (`oldest`).
   */
  readonly end: 'limit' | 'bound' | 'oldest';
  /** The time of the oldest change that the call has read, of any profile. */
  readonly readTo?: string;
}

/** A webhook: a URL to which changes are sent (only Quiver). */
export interface WebhookView {
  readonly id: string;
  readonly url: string;
  /** Null for all types. */
  readonly types: readonly ChangeType[] | null;
  readonly paused: boolean;
  readonly createdAt: string;
  /** All changes up to this cursor have been delivered or given up. */
  readonly cursor: string | null;
  /** How many changes will be retried. */
  readonly waiting: number;
  readonly deliveredAt: string | null;
  readonly failedAt: string | null;
  /** The last error. */
  readonly error: string | null;
  /** Whether changes expired before they could be sent. */
  readonly missed: boolean;
  /** Only present when it has just been created. */
  readonly secret?: string;
}

/** The settings of a webhook. */
export interface WebhookWanted {
  readonly url?: string;
  /** All by default. */
  readonly types?: readonly ChangeType[] | null;
  readonly paused?: boolean;
}

/** An undeliverable message. */
export interface WebhookFailure {
  readonly cursor: string;
  readonly at: string;
  readonly attempts: number;
  readonly error: string;
  /** The body as it was sent. */
  readonly message: unknown;
}
