import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  attributesSize,
  formatTime,
  hasAttribute,
  listAttributes,
  mergeAttributes,
  NO_ATTRIBUTES,
  removeAttribute,
  setAttributes,
} from './attributes.ts';

const T = Date.UTC(2026, 6, 31, 14, 26, 30, 879);
const text = (...pairs: [string, string, number?][]) =>
  pairs.reduce(
    (all, [name, value, at]) => setAttributes(all, new Map([[name, value]]), at ?? T),
    NO_ATTRIBUTES,
  );

const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const names = fc.oneof(
  words,
  fc.constantFrom('__proto__', 'constructor', 'toString', '1', '0', '"', '\\', '\u0000', 'é'),
);
const pairs = fc.array(fc.tuple(names, words), { maxLength: 8 }).map((list) => new Map(list));

test('the text is what a fetch sends, to the letter', () => {
  expect(text(['country', 'france']).toString()).toBe(
    '{"country":{"value":"france","modifiedAt":"2026-07-31T14:26:30.879+00:00"}}',
  );
  expect(NO_ATTRIBUTES.toString()).toBe('{}');
  expect(formatTime(0)).toBe('1970-01-01T00:00:00.000+00:00');
});

describe('setting', () => {
  test('moves what it sets to the end, in the order given', () => {
    const before = text(['a', '1'], ['b', '2'], ['c', '3']);
    const after = setAttributes(
      before,
      new Map([
        ['d', '4'],
        ['a', '5'],
      ]),
      T + 1,
    );
    expect(listAttributes(after).map(({ name, value }) => name + value)).toEqual(['b2', 'c3', 'd4', 'a5']);
  });

  test('property: any names and values come back to the letter, as JSON and as a list', () => {
    fc.assert(
      fc.property(fc.array(pairs, { maxLength: 5 }), (changes) => {
        const expected = new Map<string, string>();
        let bytes = NO_ATTRIBUTES;
        for (const [index, change] of changes.entries()) {
          bytes = setAttributes(bytes, change, T + index);
          for (const [name, value] of change) {
            expected.delete(name);
            expected.set(name, value);
          }
        }
        expect(listAttributes(bytes).map(({ name, value }) => [name, value])).toEqual([...expected]);
        const size = [...expected].reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value), 0);
        expect(attributesSize(bytes)).toBe(size);
        const parsed = JSON.parse(bytes.toString()) as Record<string, { value: string }>;
        for (const [name, value] of expected)
          expect(Object.entries(parsed).find(([n]) => n === name)?.[1].value).toBe(value);
      }),
    );
  });
});

describe('removing', () => {
  test.each([
    ['the first', 'a', ['b', 'c']],
    ['the middle', 'b', ['a', 'c']],
    ['the last', 'c', ['a', 'b']],
  ])('%s', (_, name, left) => {
    const after = removeAttribute(text(['a', '1'], ['b', '2'], ['c', '3']), name);
    expect(listAttributes(after).map((a) => a.name)).toEqual(left);
    expect(hasAttribute(after, name)).toBe(false);
  });

  test('the only one leaves an empty object; one that is not there leaves the very same text', () => {
    const one = text(['a', '1']);
    expect(removeAttribute(one, 'a').toString()).toBe('{}');
    expect(removeAttribute(one, 'b')).toBe(one);
  });
});

describe('merging', () => {
  test('keeps the stronger value and time, adds what only the weaker has, oldest first', () => {
    const stronger = text(['x', 'strong', T + 5], ['z', 'strong', T + 9]);
    const weaker = text(['y', 'weak', T + 1], ['x', 'weak', T + 7], ['w', 'weak', T + 9]);
    expect(
      listAttributes(mergeAttributes(stronger, weaker)).map(
        (a) => `${a.name} ${a.value} ${a.modifiedAt - T}`,
      ),
    ).toEqual(['y weak 1', 'x strong 5', 'z strong 9', 'w weak 9']);
  });

  test('property: nothing is lost, and the stronger wins', () => {
    fc.assert(
      fc.property(pairs, pairs, (strong, weak) => {
        const merged = mergeAttributes(
          setAttributes(NO_ATTRIBUTES, strong, T),
          setAttributes(NO_ATTRIBUTES, weak, T + 1),
        );
        const found = new Map(listAttributes(merged).map(({ name, value }) => [name, value]));
        expect(found).toEqual(new Map([...weak, ...strong]));
        expect(listAttributes(merged)).toHaveLength(found.size);
      }),
    );
  });
});
