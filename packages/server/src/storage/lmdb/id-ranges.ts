/** Finds the key ranges of ids that begin with a text. */

import { ID_KINDS, type IdKind } from '../../domain/visitor-id.ts';
import { HEX_DIGITS, idKey, idsOfForm } from './lmdb-keys.ts';

/** This byte does not occur in UTF-8. */
const BEHIND_UTF8 = Buffer.from([0xff]);

/** From `start` up to but not including `end`. */
export interface IdRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/**
 * The key ranges of a client's ids that begin with a text, in the order of the kinds; tntIds made
 * by Quiver come before other tntIds.
 *
 * @param kind only ids of this kind; all kinds by default
 */
export function idRanges(client: string, prefix: string, kind: IdKind | undefined): IdRange[] {
  return ID_KINDS.filter((one) => kind === undefined || one === kind).flatMap((one) => {
    const start = Buffer.concat([idsOfForm(client, one), Buffer.from(prefix)]);
    const plain = { start, end: Buffer.concat([start, BEHIND_UTF8]) };
    const isHex = one === 'tntId' && /^[0-9a-f]{0,32}$/.test(prefix);
    return isHex ? [hexRange(client, prefix), plain] : [plain];
  });
}

function hexRange(client: string, prefix: string): IdRange {
  const first = idKey(client, { kind: 'tntId', value: prefix.padEnd(HEX_DIGITS, '0') });
  const last = idKey(client, { kind: 'tntId', value: prefix.padEnd(HEX_DIGITS, 'f') });
  return { start: first, end: Buffer.concat([last, Buffer.alloc(1)]) };
}
