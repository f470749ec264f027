/**
 * How a path addresses a profile: the three ways of contract section 4, used by fetch and removal.
 */

import type { IdKind, SentId } from '../domain/visitor-id.ts';
import type { Call } from '../wire/call.ts';

/** One way to address a profile. */
export interface ProfilePath {
  readonly kind: Exclude<IdKind, 'customerId'>;
  /** In OpenAPI notation. */
  readonly path: string;
  /** The name of the path parameter. */
  readonly parameter: string;
}

export const PROFILE_PATHS: readonly ProfilePath[] = [
  { kind: 'tntId', path: '/rest/v1/profiles/{tntId}', parameter: 'tntId' },
  {
    kind: 'thirdPartyId',
    path: '/rest/v1/profiles/thirdPartyId/{thirdPartyId}',
    parameter: 'thirdPartyId',
  },
  {
    kind: 'ecid',
    path: '/rest/v1/profiles/marketingCloudVisitorId/{marketingCloudVisitorId}',
    parameter: 'marketingCloudVisitorId',
  },
];

/**
 * The id in the path of a call, decoded once. @throws QuiverError `bad-request` when an escape is
 * bad
 */
export function sentIdIn(call: Call, { kind, parameter }: ProfilePath): SentId {
  return { kind, text: call.param(parameter) };
}
