/**
 * Placeholder ids: what a page or app sends when it has no id, such as `undefined` or the zero UUID
 * (contract section 3). All visitors who send one share a profile.
 */

import { type IdKind, parseCustomerId, type VisitorId } from './visitor-id.ts';

/** An id in a request, with the member that contained it, for error messages. */
export interface MemberId extends VisitorId {
  readonly member: string;
}

/**
 * Counts the placeholders among the ids of a write, and refuses them if the client is set to.
 *
 * @returns nothing to wait for when there are none
 * @throws QuiverError (rejects) `bad-request` naming the member
 */
export type CheckIds = (client: string, ids: readonly MemberId[]) => Promise<void> | undefined;

/** In lower case: what programs print for a missing value, and words that sites use for nobody. */
const WORDS: ReadonlySet<string> = new Set([
  'undefined',
  'null',
  '(null)',
  '<null>',
  'nil',
  'none',
  'nan',
  'infinity',
  '-infinity',
  'true',
  'false',
  'unknown',
  'anonymous',
  'guest',
  '[object object]',
  '[object undefined]',
  '[object null]',
  '{}',
  '[]',
]);
/** `0`, `00000000-0000-0000-0000-000000000000`, an ECID of 38 zeros, a dash. */
const NOTHING_BUT_ZEROS = /^[0-]+$/;
/** The longest placeholder, including blanks around it. */
const LONGEST = 128;

/**
 * Whether an id is a placeholder, in any case, with or without blanks around it. For a customer id,
 * the part after its alias is tested.
 */
export function isPlaceholder({ kind, value }: VisitorId): boolean {
  const text = (kind === 'customerId' ? parseCustomerId(value).id : value).trim();
  return text.length <= LONGEST && (NOTHING_BUT_ZEROS.test(text) || WORDS.has(text.toLowerCase()));
}

/** The first two bytes of the placeholders, in lower case, for a very fast test. */
const BEGINNINGS = new Uint8Array(0x10000);
for (const word of [...WORDS, '00', '0-', '-0', '--']) {
  BEGINNINGS[beginning(word.charCodeAt(0), word.charCodeAt(1))] = 1;
}

/**
 * Two bytes as one number, with a bit set so that capital letters equal lower-case ones (and some
 * other characters are equal too).
 */
function beginning(first: number, second: number): number {
  return ((first | 0x20) << 8) | second | 0x20;
}

/**
 * As {@link isPlaceholder}, for ASCII bytes from `start` to `end`; fast for ids that start
 * differently.
 */
export function isPlaceholderAt(bytes: Buffer, kind: IdKind, start: number, end: number): boolean {
  const first = bytes[start]!;
  const mayBe = first <= 0x20 || end - start < 2 || BEGINNINGS[beginning(first, bytes[start + 1]!)] === 1;
  return mayBe && isPlaceholder({ kind, value: bytes.toString('latin1', start, end) });
}

/** Why a placeholder is refused, as a phrase that completes "mbox3rdPartyId: …". */
export function placeholderProblem(value: string): string {
  return `must not be a placeholder such as ${JSON.stringify(value)}, which many visitors would share`;
}
