import { expect, test } from 'vitest';
import { orderParameters } from './order-parameters.ts';

test.each<[string, object, [string, string][]]>([
  ['nothing', {}, []],
  [
    'an order',
    { order: { id: 'o1', total: 12.5, purchasedProductIds: ['p1', 'p2'], time: '2026-08-18T12:00:00Z' } },
    [
      ['orderId', 'o1'],
      ['orderTotal', '12.5'],
      ['productPurchasedId', 'p1,p2'],
    ],
  ],
  [
    'a product',
    { product: { id: 'p1', categoryId: 'shoes' } },
    [
      ['productId', 'p1'],
      ['productCategoryId', 'shoes'],
    ],
  ],
  ['a total of nothing', { order: { total: 0 } }, [['orderTotal', '0']]],
  [
    'a long id, which is cut',
    { order: { purchasedProductIds: ['é'.repeat(51)] } },
    [['productPurchasedId', 'é'.repeat(50)]],
  ],
  [
    'more ids than fit, of which the whole ones stay',
    { order: { purchasedProductIds: new Array(9).fill('p'.repeat(49)) } },
    [['productPurchasedId', new Array(5).fill('p'.repeat(49)).join()]],
  ],
  ['members of a wrong type', { order: { id: null, total: {}, purchasedProductIds: 'p' }, product: 'p' }, []],
])('the parameters of an order are right for: %s', (_, details, parameters) => {
  expect(orderParameters({ ...details })).toEqual(parameters);
});
