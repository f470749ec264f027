/** The kinds of id as Quiver's own API writes them. */

import type { IdKind } from '../domain/visitor-id.ts';

export const KIND_NAMES = ['tntId', 'thirdPartyId', 'customerId', 'marketingCloudVisitorId'] as const;
export type KindName = (typeof KIND_NAMES)[number];

export function kindName(kind: IdKind): KindName {
  return kind === 'ecid' ? 'marketingCloudVisitorId' : kind;
}

/** The kind with this name; undefined for an unknown name. */
export function kindOfName(name: unknown): IdKind | undefined {
  const known = KIND_NAMES.find((one) => one === name);
  return known === 'marketingCloudVisitorId' ? 'ecid' : known;
}
