/**
 * Privacy requests and their progress (contract section 22). Errors and durability are those of
 * `record-store.ts`.
 */

import type { IdKind, VisitorId } from '../../domain/visitor-id.ts';
import type { RecordKind, RecordStore } from '../record-store.ts';

export const PRIVACY_TYPES = ['access', 'erase', 'suppress', 'unsuppress'] as const;
export type PrivacyType = (typeof PRIVACY_TYPES)[number];

/** The result for one identity. */
export interface PrivacyResult {
  readonly kind: IdKind;
  /** The keyed hash of the id. */
  readonly reference: string;
  /** Whether there was a profile. */
  readonly found: boolean;
  /** The id, only for an access request. */
  readonly id?: string | undefined;
}

/** Where the end of a request is reported, and how that goes. */
export interface PrivacyCallback {
  readonly state: 'waiting' | 'delivered' | 'failed';
  /** Only while it waits. */
  readonly url: string | undefined;
  readonly attempts: number;
  /** When it may be sent next, once the request is complete; epoch milliseconds. */
  readonly nextAt: number;
  /** The last problem; empty without one. */
  readonly error: string;
  /** Epoch milliseconds. */
  readonly deliveredAt?: number | undefined;
}

export interface PrivacyRequest {
  readonly id: string;
  readonly type: PrivacyType;
  readonly state: 'running' | 'complete';
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  /** The time of the last work on it, in epoch milliseconds. */
  readonly workedAt: number;
  /** The identities as they were sent, and all ids of their profiles; empty once it is complete. */
  readonly identities: readonly VisitorId[];
  readonly ids: readonly VisitorId[];
  readonly results: readonly PrivacyResult[];
  /** What the request waits for, in words. */
  readonly waitingFor: readonly string[];
  readonly callback?: PrivacyCallback | undefined;
}

const DAY_MS = 86_400_000;
/** Key: the id of the request, which starts with its time, so that requests are ordered by time. */
const REQUESTS: RecordKind = {
  name: 'privacy-requests',
  owner: 'client',
  purpose: 'access',
  most: 10_000,
  keptMs: 30 * DAY_MS,
};

/** How many secrets a client has had; key: `callbacks`. */
const SECRETS: RecordKind = { name: 'privacy-secrets', owner: 'client', purpose: 'access' };
const SECRET_KEY = 'callbacks';

export interface PrivacyRequestStore {
  find(client: string, id: string): Promise<PrivacyRequest | undefined>;
  /** All stored requests, the oldest first. */
  list(client: string): Promise<PrivacyRequest[]>;
  /** Stores a request, replacing its earlier state; false when there are too many. */
  put(client: string, request: PrivacyRequest): Promise<boolean>;
  /** Changes a stored request. */
  change(client: string, id: string, change: (request: PrivacyRequest) => PrivacyRequest): Promise<void>;
  /** The version of the secret with which callbacks of a client are signed. */
  secretVersion(client: string): Promise<number>;
  /** Replaces the secret. @returns its version */
  renewSecret(client: string): Promise<number>;
}

export function privacyRequestStore(records: RecordStore): PrivacyRequestStore {
  return {
    async find(client, id) {
      const kept = await records.get(REQUESTS, client, id);
      return kept === undefined ? undefined : (JSON.parse(kept) as PrivacyRequest);
    },

    async list(client) {
      return (await records.range(REQUESTS, client)).map(({ value }) => JSON.parse(value) as PrivacyRequest);
    },

    async put(client, request) {
      return (await records.change(REQUESTS, client, request.id, () => JSON.stringify(request))) !== 'full';
    },

    async change(client, id, change) {
      await records.change(REQUESTS, client, id, (kept) =>
        kept === undefined ? kept : JSON.stringify(change(JSON.parse(kept) as PrivacyRequest)),
      );
    },

    async secretVersion(client) {
      return versionOf(await records.get(SECRETS, client, SECRET_KEY));
    },

    async renewSecret(client) {
      let version = 1;
      await records.change(SECRETS, client, SECRET_KEY, (kept) => {
        version = versionOf(kept) + 1;
        return String(version);
      });
      return version;
    },
  };
}

function versionOf(kept: string | undefined): number {
  return kept === undefined ? 1 : Number(kept);
}
