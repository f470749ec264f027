/**
 * The texts of "not found" (contract sections 4 and 5). A public client parses them, so they must
 * not change.
 */

import type { IdKind } from '../domain/visitor-id.ts';

const NAMED_BY: Readonly<Record<IdKind, string>> = {
  tntId: 'mboxPC',
  thirdPartyId: 'third party id',
  customerId: 'customer id',
  ecid: 'marketing cloud visitor id',
};

/** `No profile found for client demo with mboxPC=111.28_20`; the id as the request gave it. */
export function noProfileFound(client: string, kind: IdKind, id: string): string {
  return `No profile found for client ${client} with ${NAMED_BY[kind]}=${id}`;
}

/** `No attribute country found for client demo with mboxPC=111.28_20`. */
export function noAttributeFound(client: string, kind: IdKind, id: string, name: string): string {
  return `No attribute ${name} found for client ${client} with ${NAMED_BY[kind]}=${id}`;
}
