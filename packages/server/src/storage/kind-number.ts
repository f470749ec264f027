/**
 * The number under which a store keeps a kind of id: it stays what it is, whichever kinds come or
 * how strong they are.
 */

import type { IdKind } from '../domain/visitor-id.ts';

const KINDS: readonly IdKind[] = ['thirdPartyId', 'ecid', 'tntId', 'customerId'];

/** The number of a kind; one digit. */
export const KIND_NUMBER: Readonly<Record<IdKind, number>> = {
  thirdPartyId: 0,
  ecid: 1,
  tntId: 2,
  customerId: 3,
};

/**
 * The kind that a store keeps under a number. @throws RangeError for one that no Quiver has written
 */
export function kindOfNumber(number: number): IdKind {
  const kind = KINDS[number];
  if (kind === undefined) throw new RangeError(`a stored id has the unknown kind ${number}`);
  return kind;
}
