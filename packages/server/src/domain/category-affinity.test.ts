import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CategoryAffinity,
  categoriesOf,
  halved,
  joinedAffinity,
  packAffinity,
  unpackAffinity,
  withCategory,
} from './category-affinity.ts';

const seen = (categories: string[], before: CategoryAffinity = []) =>
  categories.reduce<CategoryAffinity>(withCategory, before);
const shown = (affinity: CategoryAffinity) => affinity.map(({ name, score }) => `${name} ${score}`);

const category = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
const history = fc
  .array(fc.oneof({ weight: 9, arbitrary: category }, fc.constant(undefined)), { maxLength: 40 })
  .map((events) =>
    events.reduce<CategoryAffinity>(
      (affinity, one) => (one === undefined ? halved(affinity) : withCategory(affinity, one)),
      [],
    ),
  );

describe("the scores follow Adobe's tables exactly", () => {
  const first = seen(['mens-clothing', 'accessories', 'jewelry', 'accessories']);
  const second = seen(['jewelry', 'accessories', 'beauty', 'shoes', 'womens-clothing'], halved(first));

  test('the first category gets 10; each later one gets 5 and takes 1 from the others', () => {
    expect(shown(first)).toEqual(['accessories 9', 'mens-clothing 8', 'jewelry 5']);
  });

  test('the end of a session halves the scores', () => {
    expect(shown(halved(first))).toEqual(['accessories 4.5', 'mens-clothing 4', 'jewelry 2.5']);
  });

  test('the sixth category removes the lowest of the first five', () => {
    expect(shown(second)).toEqual([
      'accessories 6.5',
      'womens-clothing 5',
      'jewelry 4.5',
      'shoes 4',
      'beauty 3',
    ]);
  });

  test('nothing is rounded', () => {
    expect(halved(second).map(({ score }) => score)).toEqual([3.25, 2.5, 2.25, 2, 1.5]);
  });
});

test('of two categories with one score, the later one ranks higher and stays when one must go', () => {
  const tied = [
    { name: 'x', score: 9 },
    { name: 'b', score: 5 },
    { name: 'a', score: 5 },
  ];
  expect(shown(seen(['y'], tied))).toEqual(['x 8', 'y 5', 'b 4', 'a 4']);
  expect(shown(seen(['y', 'z', 'w'], tied)).map((one) => one[0])).toEqual(['x', 'w', 'z', 'y', 'b']);
});

test('the category just added is never the one removed, and a score may fall below 0', () => {
  const high = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, score: name === 'e' ? 0.5 : 90 }));
  expect(shown(seen(['n'], high))).toEqual(['a 89', 'b 89', 'c 89', 'd 89', 'n 5']);
  expect(shown(seen(['n'], [{ name: 'e', score: 0.5 }]))).toEqual(['n 5', 'e -0.5']);
});

describe('a list of categories', () => {
  test.each([
    ['shoes', ['shoes']],
    [' shoes , men:shoes,, Shoes ', ['shoes', 'men:shoes', 'Shoes']],
    ['', []],
    [' , ', []],
    ['shoes,shoes', ['shoes', 'shoes']],
  ])('the list %j names %j', (value, categories) => {
    expect(categoriesOf(value)).toEqual(categories);
  });

  test('of a list that is too long, the categories that fit whole into 256 characters count', () => {
    expect(categoriesOf('é'.repeat(256))).toHaveLength(1);
    expect(categoriesOf('x'.repeat(257))).toEqual([]);
    expect(categoriesOf(`${'a'.repeat(250)},bcdefghij`)).toEqual(['a'.repeat(250)]);
    expect(categoriesOf(`${'a'.repeat(250)},bcdef,x`)).toEqual(['a'.repeat(250), 'bcdef']);
    expect(categoriesOf(`${'😀'.repeat(256)},x`)).toEqual(['😀'.repeat(256)]);
  });
});

test('property: there are at most five categories, highest first and distinct, and packing keeps them exactly', () => {
  fc.assert(
    fc.property(history, (affinity) => {
      expect(affinity.length).toBeLessThanOrEqual(5);
      expect(new Set(affinity.map(({ name }) => name)).size).toBe(affinity.length);
      const scores = affinity.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(unpackAffinity(packAffinity(affinity))).toEqual(affinity);
    }),
  );
});

test('property: a category gains 5, the others lose 1 if it is new, and nothing else changes', () => {
  fc.assert(
    fc.property(history, category, (before, name) => {
      fc.pre(before.length > 0);
      const after = new Map(withCategory(before, name).map((one) => [one.name, one.score]));
      const known = before.find((one) => one.name === name);
      expect(after.get(name)).toBe((known?.score ?? 0) + 5);
      for (const other of before.filter((one) => one.name !== name && after.has(one.name))) {
        expect(after.get(other.name)).toBe(other.score - (known ? 0 : 1));
      }
    }),
  );
});

test('property: joining two visitors gives the same in either order, and joining again changes nothing', () => {
  fc.assert(
    fc.property(history, history, (one, other) => {
      const joined = joinedAffinity(one, other);
      expect(joinedAffinity(other, one)).toEqual(joined);
      expect(joinedAffinity(joined, other)).toEqual(joined);
      expect(joined.length).toBeLessThanOrEqual(5);
    }),
  );
});

test('damaged bytes are refused', () => {
  expect(() => unpackAffinity('shoes')).toThrow(RangeError);
  expect(() => unpackAffinity('x shoes')).toThrow(RangeError);
});
