/**
 * The ids of a visitor: kinds, form, location hint, alias.
 *
 * Contract sections 1 and 3. A tntId is `<id>` or `<id>.<cluster>_<node>`; the part after the dot
 * is a location hint and not part of the identity, so a {@link VisitorId} never contains one.
 */

/** The kinds of visitor id, strongest first (contract section 3). */
export const ID_KINDS = ['thirdPartyId', 'customerId', 'ecid', 'tntId'] as const;
export type IdKind = (typeof ID_KINDS)[number];

/**
 * An id as the store knows it: its kind, and its value without a location hint. The value of a
 * customer id includes its alias, see {@link customerId}.
 */
export interface VisitorId {
  readonly kind: IdKind;
  readonly value: string;
}

/** An id as it was sent: a tntId with its location hint, a customer id as `alias:id`. */
export interface SentId {
  readonly kind: IdKind;
  readonly text: string;
}

/** The parts of a tntId as it was sent. */
export interface TntId {
  readonly id: VisitorId;
  /** The part after the dot: `28_20` or `28`; absent without a dot. */
  readonly hint?: string;
}

export const MAX_TNT_ID = 128;
export const MAX_ECID = 128;
export const MAX_THIRD_PARTY_ID = 256;
export const MAX_CUSTOMER_ID = 128;
export const MAX_ALIAS = 50;

/**
 * Whether `text` has at most `max` characters, counted as Unicode code points like JSON Schema's
 * maxLength.
 */
export function atMostCharacters(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > max * 2) return false;
  let count = 0;
  for (const _ of text) count += 1;
  return count <= max;
}

/**
 * Says what is wrong with an id; undefined when it is well formed.
 *
 * @param text the id as sent; a tntId with its location hint, if it has one; a customer id with its
 *   alias
 * @returns a phrase that completes "mboxPC: …", for instance `must have 1 to 128 characters`;
 *   undefined when the id is valid
 */
export function idProblem(kind: IdKind, text: string): string | undefined {
  if (kind === 'customerId') return customerIdProblem(text);
  return valueProblem(kind, text);
}

function customerIdProblem(text: string): string | undefined {
  const parsed = parseCustomerId(text);
  const problem = aliasProblem(parsed.alias);
  if (problem !== undefined) return `the alias, before the first colon, ${problem}`;
  if (customerId(parsed).value !== text) return 'the alias must have % written as %25 and : as %3A';
  return valueProblem('customerId', parsed.id);
}

function valueProblem(kind: IdKind, text: string): string | undefined {
  const max = MAX_CHARACTERS[kind];
  if (text.length === 0 || !atMostCharacters(text, max)) return `must have 1 to ${max} characters`;
  // Two different lone surrogates would be written as the same UTF-8 bytes, and so name the same
  // visitor.
  if (!text.isWellFormed()) return 'must be well-formed Unicode';
  if (kind === 'thirdPartyId' && /[+/]/.test(text)) return 'must not contain + or /';
  if (kind === 'tntId') {
    const dot = text.indexOf('.');
    if (dot === 0) return 'must not start with a dot';
    if (dot !== -1 && text.indexOf('.', dot + 1) !== -1) return 'must contain at most one dot';
  }
  return undefined;
}

/** A customer id with its alias (Adobe: `integrationCode`), for instance `crm` and `4711`. */
export interface CustomerId {
  readonly alias: string;
  readonly id: string;
}

/**
 * The visitor id for an alias and an id: `crm:4711`. In the alias, `%` and `:` are written as `%25`
 * and `%3A`, so that different pairs have different texts. {@link aliasProblem} and
 * {@link idProblem} say which are well formed.
 */
export function customerId({ alias, id }: CustomerId): VisitorId {
  const escaped = alias.replaceAll('%', '%25').replaceAll(':', '%3A');
  return { kind: 'customerId', value: `${escaped}:${id}` };
}

/** Splits the value of a customer id; without a colon the alias is empty. */
export function parseCustomerId(value: string): CustomerId {
  const end = value.indexOf(':');
  const alias = value.slice(0, Math.max(end, 0)).replaceAll('%3A', ':').replaceAll('%25', '%');
  return { alias, id: value.slice(end + 1) };
}

/** As {@link idProblem}, for the alias of a customer id. */
export function aliasProblem(alias: string): string | undefined {
  if (alias.length === 0 || !atMostCharacters(alias, MAX_ALIAS))
    return `must have 1 to ${MAX_ALIAS} characters`;
  return alias.isWellFormed() ? undefined : 'must be well-formed Unicode';
}

/** Splits a well-formed tntId at its dot; see {@link idProblem}. */
export function parseTntId(text: string): TntId {
  const dot = text.indexOf('.');
  if (dot === -1) return { id: { kind: 'tntId', value: text } };
  return { id: { kind: 'tntId', value: text.slice(0, dot) }, hint: text.slice(dot + 1) };
}

/** The identity of a well-formed sent id; it never includes a tntId's location hint. */
export function visitorIdOf({ kind, text }: SentId): VisitorId {
  return kind === 'tntId' ? parseTntId(text).id : { kind, value: text };
}

/**
 * The kinds that an id may have, likeliest first, when only its form is known: 38 digits are an
 * ECID, 32 hex characters or a location hint a tntId, anything else a customer's own id, with a
 * colon perhaps one with an alias. The other kinds follow; kinds that the text cannot have are left
 * out.
 */
export function likelyKinds(text: string): IdKind[] {
  return likeliestFirst(text).filter((kind) => idProblem(kind, text) === undefined);
}

function likeliestFirst(text: string): readonly IdKind[] {
  if (/^[0-9]{38}$/.test(text)) return ['ecid', 'tntId', 'thirdPartyId'];
  if (/^[0-9a-f]{32}$|^[^.]+\.[0-9]{1,4}(_[0-9]{1,4})?$/i.test(text)) {
    return ['tntId', 'thirdPartyId', 'ecid', 'customerId'];
  }
  return ['thirdPartyId', 'customerId', 'tntId', 'ecid'];
}

/** Whether two ids are equal. */
export function sameId(a: VisitorId, b: VisitorId): boolean {
  return a.kind === b.kind && a.value === b.value;
}

const MAX_CHARACTERS: Readonly<Record<IdKind, number>> = {
  thirdPartyId: MAX_THIRD_PARTY_ID,
  customerId: MAX_CUSTOMER_ID,
  ecid: MAX_ECID,
  tntId: MAX_TNT_ID,
};
