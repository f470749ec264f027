/**
 * The numbers that stand for kinds of ids in a store. They never change, even if kinds are added or
 * their order of strength changes.
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
 * The kind that a number stands for.
 * @throws RangeError for a number that Quiver has never used
 */
export function kindOfNumber(number: number): IdKind {
  const kind = KINDS[number];
  if (kind === undefined) throw new RangeError(`a stored id has the unknown kind ${number}`);
  return kind;
}
