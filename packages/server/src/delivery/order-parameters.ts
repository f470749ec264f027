/**
 * The order and the product of an mbox as profile scripts see them: as parameters of the mbox
 * (contract section 7).
 */

import type { NamedTexts } from '../domain/script-input.ts';
import { isJsonObject, type JsonObject } from '../wire/json.ts';

/** The longest id of a purchased product, in characters; a longer id is cut. */
const MAX_PRODUCT_ID = 50;
/** The longest list of product ids, joined by commas, in characters. */
const MAX_PRODUCT_IDS = 250;

/**
 * Converts the `order` and `product` of a part to parameters; members of a wrong type count as not
 * sent.
 */
export function orderParameters({ order, product }: JsonObject): NamedTexts {
  const parameters: [string, string][] = [];
  const add = (name: string, value: unknown) => {
    if (typeof value === 'string' || typeof value === 'number') parameters.push([name, String(value)]);
  };
  if (isJsonObject(order)) {
    add('orderId', order.id);
    add('orderTotal', order.total);
    if (Array.isArray(order.purchasedProductIds)) {
      add('productPurchasedId', joinedIds(order.purchasedProductIds));
    }
  }
  if (isJsonObject(product)) {
    add('productId', product.id);
    add('productCategoryId', product.categoryId);
  }
  return parameters;
}

/** As many whole ids as fit. */
function joinedIds(ids: readonly unknown[]): string {
  let joined = '';
  for (const id of ids) {
    if (typeof id !== 'string' && typeof id !== 'number') continue;
    const cut = [...String(id)].slice(0, MAX_PRODUCT_ID).join('');
    const longer = joined === '' ? cut : `${joined},${cut}`;
    if (longer.length > MAX_PRODUCT_IDS) break;
    joined = longer;
  }
  return joined;
}
