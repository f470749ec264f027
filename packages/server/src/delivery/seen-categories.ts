/**
 * The categories that a visitor looks at, as the parameter `user.categoryId` of a visit names them
 * (contract section 15).
 */

import { categoriesOf, MAX_CATEGORY_VALUE } from '../domain/category-affinity.ts';
import { atMostCharacters } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { isJsonObject } from '../wire/json.ts';
import type { DeliveryRequest } from './delivery-schema.ts';

/** The parameter that names categories. */
export const CATEGORY_PARAMETER = 'user.categoryId';

/** A part of a request that may have parameters. */
type Part = { readonly parameters?: unknown } | null | undefined;

const NONE: readonly string[] = [];

/**
 * All categories of a Delivery request, in the order in which its profile parameters count
 * (contract section 7).
 */
export function categoriesIn({ execute, prefetch, notifications }: DeliveryRequest): readonly string[] {
  const values: string[] = [];
  addValue(values, execute?.pageLoad);
  addValues(values, execute?.mboxes);
  addValues(values, prefetch?.mboxes);
  addValues(values, prefetch?.views);
  addValue(values, prefetch?.pageLoad);
  addValues(values, notifications);
  return categoriesOfValues(values);
}

/** All categories of the mboxes of an older call. @param parts each with its `parameters` */
export function categoriesInParts(parts: readonly Part[]): readonly string[] {
  const values: string[] = [];
  addValues(values, parts);
  return categoriesOfValues(values);
}

/**
 * The distinct categories of several values; repetitions are dropped because page parameters are
 * sent with every mbox of a page.
 */
export function categoriesOfValues(values: readonly string[]): readonly string[] {
  if (values.length === 0) return NONE;
  return [...new Set(values)].flatMap(categoriesOf);
}

/**
 * Checks the categories of a page's query or form. @throws QuiverError `bad-request` when they are
 * too long
 */
export function checkCategories(value: string): void {
  if (atMostCharacters(value, MAX_CATEGORY_VALUE)) return;
  throw new QuiverError(
    'bad-request',
    `${CATEGORY_PARAMETER}: must have at most ${MAX_CATEGORY_VALUE} characters`,
  );
}

function addValues(values: string[], parts: readonly Part[] | null | undefined): void {
  if (parts) for (const part of parts) addValue(values, part);
}

function addValue(values: string[], part: Part): void {
  const parameters = part?.parameters;
  if (parameters === undefined || !isJsonObject(parameters)) return;
  const value = parameters[CATEGORY_PARAMETER];
  if (typeof value === 'string') values.push(value);
}
