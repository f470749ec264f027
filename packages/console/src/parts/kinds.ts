import type { IdKind } from 'quiver-client';

/** The names of the kinds of ids for people. */
export const KIND_NAMES: Readonly<Record<IdKind, string>> = {
  tntId: 'tntId',
  thirdPartyId: 'thirdPartyId',
  customerId: 'customer id',
  marketingCloudVisitorId: 'ECID',
};

export function isIdKind(text: string): text is IdKind {
  return Object.hasOwn(KIND_NAMES, text);
}
