/** How a path addresses a profile: the three ways of contract section 4, used by fetch and removal. */

import type { IdKind } from '../domain/visitor-id.ts';
import { decodeSegment, rawSegment } from '../wire/target.ts';
import type { SentId } from './profile-service.ts';

/** One way to address a profile. */
export interface ProfilePath {
  readonly kind: Exclude<IdKind, 'customerId'>;
  /** As OpenAPI writes it. */
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
 * Cuts the id out of a raw path and decodes it once.
 *
 * @param fromEnd where the id stands, counted from the end: -1 is the last segment
 * @throws QuiverError `bad-request` when an escape is bad
 */
export function sentIdIn(path: string, address: ProfilePath, fromEnd: number): SentId {
  return { kind: address.kind, text: decodeSegment(rawSegment(path, fromEnd), address.parameter) };
}
