import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entriesOf, NO_ATTRIBUTES, type PackedAttributes } from './attributes/packed-attributes.ts';
import {
  attributesJson,
  attributesListJson,
  attributesSize,
  hasAttribute,
  listAttributes,
  mergeAttributes,
  removeAttribute,
  setAttributes,
} from './attributes.ts';

const T = Date.UTC(2026, 6, 31, 14, 26, 30, 879);
const packed = (...pairs: [string, string, number?][]) =>
  pairs.reduce<PackedAttributes>(
    (all, [name, value, at]) => setAttributes(all, new Map([[name, value]]), at ?? T),
    NO_ATTRIBUTES,
  );

const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const names = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '1', '0', '"', '\\', '\u0000', 'é'),
);
const pairs = fc.array(fc.tuple(names, words), { maxLength: 8 }).map((list) => new Map(list));

test('ten attributes of one time take few bytes', () => {
  const ten = setAttributes(
    NO_ATTRIBUTES,
    new Map(Array.from({ length: 10 }, (_, n) => [`attribute${n}`, `value ${n} of it`])),
    T,
  );
  expect(ten).toHaveLength(7 + 10 * (1 + 10 + 1 + 13));
});

test('property: as JSON they have the same names, values and times, by name and as a list', () => {
  fc.assert(
    fc.property(fc.array(pairs, { maxLength: 5 }), (changes) => {
      let bytes = NO_ATTRIBUTES;
      for (const [index, change] of changes.entries()) bytes = setAttributes(bytes, change, T + index * 1e7);
      const listed = listAttributes(bytes);
      const views = listed.map(({ name, value, modifiedAt }) => ({
        ...{ name, value, modifiedAt: new Date(modifiedAt).toISOString() },
      }));
      const list: unknown = JSON.parse(attributesListJson(bytes, 0, bytes.length));
      expect(list).toEqual(views);
      const byName = JSON.parse(attributesJson(bytes, 0, bytes.length)) as object;
      const expected = views.map(({ name, value, modifiedAt }) => [
        name,
        { value, modifiedAt: modifiedAt.replace('Z', '+00:00') },
      ]);
      expect(new Map(Object.entries(byName))).toEqual(new Map(expected as [string, unknown][]));
    }),
  );
});

test('bytes that end within an entry are refused', () => {
  const whole = packed(['country', 'france']);
  expect(() => entriesOf(whole.subarray(0, whole.length - 1))).toThrow(RangeError);
});

describe('setting an attribute', () => {
  test('moves it to the end, in the order given', () => {
    const before = packed(['a', '1'], ['b', '2'], ['c', '3']);
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

  test('property: keeps any names and values exactly', () => {
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
      }),
    );
  });
});

describe('removing an attribute', () => {
  test.each([
    ['the first', 'a', ['b', 'c']],
    ['the middle', 'b', ['a', 'c']],
    ['the last', 'c', ['a', 'b']],
  ])('works for %s one', (_, name, left) => {
    const after = removeAttribute(packed(['a', '1'], ['b', '2'], ['c', '3']), name);
    expect(listAttributes(after).map((a) => a.name)).toEqual(left);
    expect(hasAttribute(after, name)).toBe(false);
  });

  test('leaves nothing after the only one, and the same bytes after an unknown one', () => {
    const one = packed(['a', '1']);
    expect(removeAttribute(one, 'a')).toHaveLength(0);
    expect(removeAttribute(one, 'b')).toBe(one);
    expect(removeAttribute(one, '')).toBe(one);
  });
});

describe('merging attributes', () => {
  test('keeps the stronger value and its time, adds what only the weaker has, oldest first', () => {
    const stronger = packed(['x', 'strong', T + 5], ['z', 'strong', T + 9]);
    const weaker = packed(['y', 'weak', T + 1], ['x', 'weak', T + 7], ['w', 'weak', T + 9]);
    expect(
      listAttributes(mergeAttributes(stronger, weaker)).map(
        (a) => `${a.name} ${a.value} ${a.modifiedAt - T}`,
      ),
    ).toEqual(['y weak 1', 'x strong 5', 'z strong 9', 'w weak 9']);
  });

  test('property: loses nothing, and the stronger value is kept', () => {
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
