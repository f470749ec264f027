import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPlaceholder, isPlaceholderAt } from './placeholder-id.ts';
import { customerId, ID_KINDS } from './visitor-id.ts';

const PLACEHOLDERS = [
  'undefined',
  'UNDEFINED',
  'null',
  'Null',
  '(null)',
  'nil',
  'NaN',
  '0',
  '000',
  '-',
  '[object Object]',
  '00000000-0000-0000-0000-000000000000',
  '0'.repeat(38),
  ' undefined ',
  'anonymous',
  '{}',
];

test.each(PLACEHOLDERS)('%j is a placeholder', (value) => {
  for (const kind of ['thirdPartyId', 'ecid', 'tntId'] as const)
    expect(isPlaceholder({ kind, value })).toBe(true);
  expect(isPlaceholder(customerId({ alias: 'crm', id: value }))).toBe(true);
});

test.each([
  'undefined1',
  'nullable',
  '01',
  '10',
  '0a',
  'nanette',
  '00000000-0000-0000-0000-000000000001',
  'x',
  '[]x',
])('%j is a real id', (value) => {
  for (const kind of ID_KINDS) expect(isPlaceholder({ kind, value })).toBe(false);
});

test('an alias may have any name', () => {
  expect(isPlaceholder(customerId({ alias: 'undefined', id: '4711' }))).toBe(false);
});

test('property: bytes are recognised like their text', () => {
  const ascii = fc.string({ unit: 'binary-ascii', maxLength: 20 });
  fc.assert(
    fc.property(fc.oneof(ascii, fc.constantFrom(...PLACEHOLDERS)), ascii, (value, before) => {
      const bytes = Buffer.from(`${before}${value}!`);
      const told = isPlaceholderAt(bytes, 'tntId', before.length, before.length + value.length);
      expect(told).toBe(isPlaceholder({ kind: 'tntId', value }));
    }),
  );
});
