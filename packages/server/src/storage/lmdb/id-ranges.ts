/** Where in the order of the keys the ids lie that begin with some text. */

import { ID_KINDS, type IdKind } from '../../domain/visitor-id.ts';
import { HEX_DIGITS, idKey, idsOfForm } from './lmdb-keys.ts';

/** No byte of UTF-8 is this. */
const BEHIND_UTF8 = Buffer.from([0xff]);

/** From `start` up to and without `end`. */
export interface IdRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/**
 * The ranges of the ids of a client that begin with a text, in the order of the kinds; tntIds as
 * Quiver makes them before others.
 *
 * @param kind ids of this kind alone; of all kinds by default
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
