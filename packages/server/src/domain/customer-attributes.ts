/** Customer attributes: what a customer's own systems know of a person. */

import { listState } from './attributes.ts';
import type { PackedAttributes } from './packed-attributes.ts';
import { STATE } from './visitor-state.ts';

/** One customer attribute of a profile. */
export interface CustomerAttribute {
  readonly source: string;
  readonly name: string;
  readonly value: string;
  /** When an upload set it, in epoch milliseconds. */
  readonly modifiedAt: number;
}

/** The customer attributes of a profile, in the order in which they were set; those that are null are left out. */
export function listCustomerAttributes(attributes: PackedAttributes): CustomerAttribute[] {
  return listState(attributes).flatMap(({ name, value, modifiedAt }) => {
    if (!name.startsWith(STATE.customerAttribute) || value === '') return [];
    const dot = name.indexOf('.');
    return [{ source: name.slice(1, dot), name: name.slice(dot + 1), value, modifiedAt }];
  });
}
