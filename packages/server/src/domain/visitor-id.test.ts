import { expect, test } from 'vitest';
import { type IdKind, idProblem, MAX_THIRD_PARTY_ID_DELIVERY, parseTntId } from './visitor-id.ts';

test.each<[IdKind, string, string | undefined]>([
  ['tntId', 'abc', undefined],
  ['tntId', 'abc.28_20', undefined],
  ['tntId', 'abc.', undefined],
  ['tntId', 'x'.repeat(128), undefined],
  ['tntId', '', 'must have 1 to 128 characters'],
  ['tntId', 'x'.repeat(129), 'must have 1 to 128 characters'],
  ['tntId', '.28_20', 'must not start with a dot'],
  ['tntId', 'a.b.c', 'must contain at most one dot'],
  ['tntId', '\ud800', 'must be well-formed Unicode'],
  ['thirdPartyId', 'A b%.~', undefined],
  ['thirdPartyId', '\u{1f98a}'.repeat(256), undefined],
  ['thirdPartyId', 'x'.repeat(257), 'must have 1 to 256 characters'],
  ['thirdPartyId', 'a+b', 'must not contain + or /'],
  ['thirdPartyId', 'a/b', 'must not contain + or /'],
  ['ecid', 'a+b/c', undefined],
])('contract section 3: the %s %j', (kind, id, problem) => {
  expect(idProblem(kind, id)).toBe(problem);
});

test('a Delivery request bounds the thirdPartyId to 128 characters', () => {
  expect(idProblem('thirdPartyId', 'x'.repeat(129), MAX_THIRD_PARTY_ID_DELIVERY)).toBe(
    'must have 1 to 128 characters',
  );
});

test.each([
  ['abc', 'abc', undefined],
  ['abc.28_20', 'abc', '28_20'],
  ['abc.17', 'abc', '17'],
  ['abc.', 'abc', ''],
])('the location hint of %s is no part of the identity', (sent, value, hint) => {
  expect(parseTntId(sent)).toEqual({ id: { kind: 'tntId', value }, ...(hint === undefined ? {} : { hint }) });
});
