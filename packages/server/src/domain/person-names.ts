/**
 * The names of a person: the thirdPartyId, and customer ids with their aliases (contract section
 * 3).
 *
 * A profile has at most one thirdPartyId and one id per alias. Two sets of names conflict when they
 * differ in the thirdPartyId or in the id of one alias. Then they name two people, who are never
 * merged. Names of different aliases say nothing about one another.
 */

import { parseCustomerId, type VisitorId } from './visitor-id.ts';

/**
 * The names of a person, by sort: an empty key for the thirdPartyId, otherwise the alias of a
 * customer id.
 */
export type PersonNames = ReadonlyMap<string, string>;

/** The key of a thirdPartyId; no alias is empty. */
const THIRD_PARTY_ID = '';

/** Whether an id names a person rather than a device. */
export function isName({ kind }: VisitorId): boolean {
  return kind === 'thirdPartyId' || kind === 'customerId';
}

/**
 * Collects the names among the ids of one profile or visit. Of two with one alias the first counts.
 */
export function personNames(ids: Iterable<VisitorId>): Map<string, string> {
  const names = new Map<string, string>();
  for (const id of ids) addName(names, id);
  return names;
}

/** Adds an id if it is a name and there is none of its sort yet. */
export function addName(names: Map<string, string>, id: VisitorId): void {
  const slot = slotOf(id);
  if (slot !== undefined && !names.has(slot)) names.set(slot, id.value);
}

/** Adds names; existing ones stay. */
export function addNames(names: Map<string, string>, more: PersonNames): void {
  for (const [slot, value] of more) if (!names.has(slot)) names.set(slot, value);
}

/** Whether two sets of names belong to two people. */
export function namesConflict(one: PersonNames, other: PersonNames): boolean {
  for (const [slot, value] of other) if (one.has(slot) && one.get(slot) !== value) return true;
  return false;
}

/**
 * Whether a person with these names has another id of the same sort, so that the id may not join.
 */
export function isOtherName(names: PersonNames, id: VisitorId): boolean {
  const slot = slotOf(id);
  return slot !== undefined && names.has(slot) && names.get(slot) !== id.value;
}

/** Whether both sets of names have the same thirdPartyId. */
export function sameThirdPartyId(one: PersonNames, other: PersonNames): boolean {
  const name = one.get(THIRD_PARTY_ID);
  return name !== undefined && name === other.get(THIRD_PARTY_ID);
}

function slotOf({ kind, value }: VisitorId): string | undefined {
  if (kind === 'thirdPartyId') return THIRD_PARTY_ID;
  return kind === 'customerId' ? parseCustomerId(value).alias : undefined;
}
