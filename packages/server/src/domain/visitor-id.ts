/**
 * The ids of a visitor: their kinds, their form, their location hint.
 *
 * Contract sections 1 and 3. A tntId is `<id>` or `<id>.<cluster>_<node>`; what follows the dot is a location hint and never part
 * of the identity, so a {@link VisitorId} never carries one.
 */

/** The three kinds of visitor id, strongest first (contract section 3). */
export const ID_KINDS = ['thirdPartyId', 'ecid', 'tntId'] as const;
export type IdKind = (typeof ID_KINDS)[number];

/** An id as the store knows it: its kind, and its value without a location hint. */
export interface VisitorId {
  readonly kind: IdKind;
  readonly value: string;
}

/** A tntId as a request wrote it, taken apart. */
export interface TntId {
  readonly id: VisitorId;
  /** What stands behind the dot: `28_20` or `28`; absent without a dot. */
  readonly hint?: string;
}

export const MAX_TNT_ID = 128;
export const MAX_ECID = 128;
export const MAX_THIRD_PARTY_ID = 256;
/** The shorter bound that Adobe's Delivery API sets (contract section 3). */
export const MAX_THIRD_PARTY_ID_DELIVERY = 128;

/** Whether `text` has at most `max` characters, counted as Unicode code points as JSON Schema's maxLength does. */
export function atMostCharacters(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > max * 2) return false;
  let count = 0;
  for (const _ of text) count += 1;
  return count <= max;
}

/**
 * Says what is wrong with an id, or nothing when it is well formed.
 *
 * @param text the id as sent; for a tntId with its location hint, if it bears one
 * @param max the most characters; the kind's own limit by default
 * @returns a phrase that completes "mboxPC: …", for instance `must have 1 to 128 characters`; undefined when the id is good
 */
export function idProblem(kind: IdKind, text: string, max = maxCharacters(kind)): string | undefined {
  if (text.length === 0 || !atMostCharacters(text, max)) return `must have 1 to ${max} characters`;
  // Two lone surrogates would be written as the same UTF-8 bytes, and so name the same visitor.
  if (!text.isWellFormed()) return 'must be well-formed Unicode';
  if (kind === 'thirdPartyId' && /[+/]/.test(text)) return 'must not contain + or /';
  if (kind === 'tntId') {
    const dot = text.indexOf('.');
    if (dot === 0) return 'must not start with a dot';
    if (dot !== -1 && text.indexOf('.', dot + 1) !== -1) return 'must contain at most one dot';
  }
  return undefined;
}

/** Takes a well-formed tntId apart at its dot; see {@link idProblem} for what is well formed. */
export function parseTntId(text: string): TntId {
  const dot = text.indexOf('.');
  if (dot === -1) return { id: { kind: 'tntId', value: text } };
  return { id: { kind: 'tntId', value: text.slice(0, dot) }, hint: text.slice(dot + 1) };
}

/** Whether two ids are one and the same. */
export function sameId(a: VisitorId, b: VisitorId): boolean {
  return a.kind === b.kind && a.value === b.value;
}

function maxCharacters(kind: IdKind): number {
  if (kind === 'thirdPartyId') return MAX_THIRD_PARTY_ID;
  return kind === 'ecid' ? MAX_ECID : MAX_TNT_ID;
}
