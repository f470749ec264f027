import type { IdKind } from 'quiver-client';

/** The kinds of ids as people call them. */
export const KIND_NAMES: Readonly<Record<IdKind, string>> = {
  tntId: 'tntId',
  thirdPartyId: 'thirdPartyId',
  customerId: 'customer id',
  marketingCloudVisitorId: 'ECID',
};

export function isIdKind(text: string): text is IdKind {
  return Object.hasOwn(KIND_NAMES, text);
}
