import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeOfJsonError } from './json-place.ts';

test.each([
  ['[{"a":}]', 6],
  ['{"a":1,}', 7],
  ['[1 2]', 3],
  ['["a\nb"]', 1],
  ['{"a":"b"', 8],
  ['[01]', 2],
  ['', 0],
  ['{} {}', 3],
])('%j stops being JSON at %i', (text, place) => {
  expect(placeOfJsonError(text)).toBe(place);
});

test('valid JSON has no such position', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(placeOfJsonError(text)).toBe(text.length);
    }),
  );
});
