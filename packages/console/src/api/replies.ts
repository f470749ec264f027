/** The replies of the server that the console reads. Times are ISO 8601. */

export type IdKind = 'tntId' | 'thirdPartyId' | 'customerId' | 'marketingCloudVisitorId';
/** The kinds by which a fetch finds a profile. */
export type FetchKind = Exclude<IdKind, 'customerId'>;

export interface ServerReply {
  readonly version: string;
  readonly startedAt: string;
  readonly cluster: number;
  readonly locationHint: string;
  readonly store: { readonly kind: string; readonly profiles: number; readonly bytes: number };
  readonly workers: number;
  /** What a client's own host name ends in; absent where the server does not tell. */
  readonly serverDomain?: string;
}

export interface EdgeReply {
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
export interface EdgesReply {
  readonly edges: readonly EdgeReply[];
}

export const PROFILE_API_KINDS = ['fetches', 'updates', 'batchUploads', 'batchStatuses', 'removals'] as const;

export interface UsageDay {
  /** `2026-11-24`, UTC. */
  readonly day: string;
  readonly mboxCalls: number;
  /** Ids such as `undefined` that came with a write. */
  readonly placeholderIds: number;
  readonly profileApiCalls: Readonly<Record<(typeof PROFILE_API_KINDS)[number], number>>;
}
export interface UsageReply {
  readonly days: readonly UsageDay[];
}

export interface AttributeNamesReply {
  readonly mboxProfileAttributes: readonly string[];
}

export interface ProfileAttribute {
  readonly name: string;
  readonly value: string;
  readonly modifiedAt: string;
}
export interface ProfileReply {
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
  readonly attributes: readonly ProfileAttribute[];
}

export interface BatchReply {
  readonly id: string;
  readonly version: 'v1' | 'v2';
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
export interface BatchesReply {
  readonly batches: readonly BatchReply[];
}
export interface FailuresReply {
  readonly failures: readonly {
    readonly line: number;
    readonly id: string;
    readonly reason: string;
    readonly notFound: boolean;
  }[];
  readonly nextLine?: number;
}

export interface SettingsReply {
  readonly enableProfileApiAuthentication?: boolean;
  readonly profileLifetimeDays?: number;
  readonly tokenLifetimeDays?: number;
  readonly customerIdAliases?: readonly string[] | null;
  readonly placeholderIds?: 'warn' | 'refuse';
}
export interface TokenReply {
  readonly accessToken: string;
  /** Seconds that are left. */
  readonly expiresIn: number;
}
