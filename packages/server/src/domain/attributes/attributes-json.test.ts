import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Attribute, formatTime, listAttributes, packAttributes } from '../attributes.ts';
import { attributesJson } from './attributes-json.ts';
import { NO_ATTRIBUTES } from './packed-attributes.ts';

const T = Date.UTC(2026, 6, 31, 14, 26, 30, 879);
const json = (packed: Buffer) => attributesJson(packed, 0, packed.length);

test('attributes are written exactly as a fetch sends them', () => {
  const packed = packAttributes([
    { name: 'country', value: 'france', modifiedAt: T },
    { name: '"', value: 'é\n', modifiedAt: T + 1 },
  ]);
  expect(json(packed)).toBe(
    '{"country":{"value":"france","modifiedAt":"2026-07-31T14:26:30.879+00:00"},' +
      '"\\"":{"value":"é\\n","modifiedAt":"2026-07-31T14:26:30.880+00:00"}}',
  );
  expect(json(NO_ATTRIBUTES)).toBe('{}');
});

test('attributes in the middle of other bytes are written', () => {
  const packed = packAttributes([{ name: 'a', value: '1', modifiedAt: T }]);
  const within = Buffer.concat([Buffer.from([1, 2, 0, 9]), packed, Buffer.from([1, 2, 3])]);
  expect(attributesJson(within, 4, 4 + packed.length)).toBe(json(packed));
});

/** The same text, made in the simplest way. */
function expected(attributes: readonly Attribute[]): string {
  const entries = attributes.map(
    ({ name, value, modifiedAt }) =>
      `${JSON.stringify(name)}:{"value":${JSON.stringify(value)},"modifiedAt":"${formatTime(modifiedAt)}"}`,
  );
  return `{${entries.join(',')}}`;
}

test('every time is written as formatTime writes it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })), (times) => {
      const sorted = times.sort((a, b) => a - b);
      const attributes = sorted.map((modifiedAt, n) => ({ name: `${n}`, value: 'x', modifiedAt }));
      expect(json(packAttributes(attributes))).toBe(expected(attributes));
    }),
  );
});

test('any names and values are written exactly', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
    fc.constantFrom('__proto__', '1', '"', '\\', '\u0000', 'é', 'x'.repeat(60_000), 'é'.repeat(30)),
  );
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 8 }),
      (pairs) => {
        const attributes = pairs.map(([name, value]) => ({ name, value, modifiedAt: T }));
        const packed = packAttributes(attributes);
        expect(json(packed)).toBe(expected(attributes));
        expect(listAttributes(packed)).toEqual(attributes);
      },
    ),
  );
});
