/** Customer attributes: what a customer's own systems know about a person (contract section 17). */

import type { PackedAttributes } from './attributes/packed-attributes.ts';
import { type Attribute, listAttributes, listState, packAttributes } from './attributes.ts';
import { aliasProblem, atMostCharacters, customerId, type VisitorId } from './visitor-id.ts';
import { STATE } from './visitor-state.ts';

/** The most attributes of one file. */
export const MAX_CUSTOMER_ATTRIBUTES = 200;
/** The most characters of a value (ours: the limit of a profile parameter). */
export const MAX_CUSTOMER_VALUE = 5000;
const MAX_NAME = 250;

/** The kind of a source's ids: customer ids with the source as their alias, or thirdPartyIds. */
export const SOURCE_IDS = ['customerId', 'thirdPartyId'] as const;
export type SourceIds = (typeof SOURCE_IDS)[number];

/** One customer attribute of a profile. */
export interface CustomerAttribute {
  readonly source: string;
  readonly name: string;
  readonly value: string;
  /** When an upload set it, in epoch milliseconds. */
  readonly modifiedAt: number;
}

/**
 * Says what is wrong with the name of a source, as a phrase that completes "source: …"; undefined
 * when it is valid.
 */
export function sourceProblem(source: string): string | undefined {
  return aliasProblem(source) ?? (source.includes('.') ? NO_DOT : undefined);
}

/**
 * Says what is wrong with the name of a customer attribute, as a phrase that completes "the name …
 * ".
 */
export function customerAttributeProblem(name: string): string | undefined {
  if (name === '' || !atMostCharacters(name, MAX_NAME)) return `must have 1 to ${MAX_NAME} characters`;
  return name.includes('.') ? NO_DOT : undefined;
}
/** Before the name of a customer attribute in a fetch, as scripts read it. */
const SHOWN_PREFIX = 'crs.';
const NO_DOT = 'must not contain a dot';

/** The name of a source's attribute in the visitor state. */
export function customerStateName(source: string, name: string): string {
  return `${STATE.customerAttribute}${source}.${name}`;
}

/** The visitor id for an id of a source. {@link idProblem} says whether it is well formed. */
export function idOfSource(source: string, ids: SourceIds, id: string): VisitorId {
  return ids === 'thirdPartyId' ? { kind: ids, value: id } : customerId({ alias: source, id });
}

/**
 * The customer attributes of a profile, in the order in which they were set, without those that are
 * null.
 */
export function listCustomerAttributes(attributes: PackedAttributes): CustomerAttribute[] {
  return listState(attributes).flatMap(({ name, value, modifiedAt }) => {
    if (!name.startsWith(STATE.customerAttribute) || value === '') return [];
    const dot = name.indexOf('.');
    return [{ source: name.slice(1, dot), name: name.slice(dot + 1), value, modifiedAt }];
  });
}

/**
 * The attributes that a fetch shows when it includes customer attributes: these are named
 * `crs.<source>.<attribute>` and replace an attribute of the same name. Oldest first; without
 * visitor state.
 */
export function withCustomerAttributes(packed: PackedAttributes): PackedAttributes {
  const customer = listState(packed).filter(
    ({ name, value }) => name.startsWith(STATE.customerAttribute) && value !== '',
  );
  const shown = customer.map((one) => ({ ...one, name: `${SHOWN_PREFIX}${one.name.slice(1)}` }));
  const names = new Set(shown.map(({ name }) => name));
  const all: Attribute[] = [];
  let next = 0;
  for (const [place, attribute] of listAttributes(packed).entries()) {
    for (; next < shown.length && shown[next]!.before <= place; next += 1) all.push(shown[next]!);
    if (!names.has(attribute.name)) all.push(attribute);
  }
  return packAttributes([...all, ...shown.slice(next)]);
}
