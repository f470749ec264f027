import { expect, test } from 'vitest';
import {
  type CustomerId,
  customerId,
  type IdKind,
  idProblem,
  likelyKinds,
  parseCustomerId,
  parseTntId,
} from './visitor-id.ts';

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
  ['customerId', 'crm:a+b/c', undefined],
  ['customerId', 'crm:', 'must have 1 to 128 characters'],
  ['customerId', `crm:${'x'.repeat(129)}`, 'must have 1 to 128 characters'],
  ['customerId', '4711', 'the alias, before the first colon, must have 1 to 50 characters'],
  ['customerId', `${'x'.repeat(51)}:1`, 'the alias, before the first colon, must have 1 to 50 characters'],
  ['customerId', 'a%41:1', 'the alias must have % written as %25 and : as %3A'],
])('contract section 3: the rule for the %s %j', (kind, id, problem) => {
  expect(idProblem(kind, id)).toBe(problem);
});

test.each<[CustomerId, string]>([
  [{ alias: 'crm', id: '4711' }, 'crm:4711'],
  [{ alias: 'crm', id: 'a:b%3A/+' }, 'crm:a:b%3A/+'],
  [{ alias: 'a:b%3A', id: '' }, 'a%3Ab%253A:'],
])('the customer id %j is written as %s and read back', (id, value) => {
  expect(customerId(id)).toEqual({ kind: 'customerId', value });
  expect(parseCustomerId(value)).toEqual(id);
});

test.each<[string, IdKind[]]>([
  ['1'.repeat(38), ['ecid', 'tntId', 'thirdPartyId']],
  ['4f0c2a1e9b7d4c55a1b2c3d4e5f60718', ['tntId', 'thirdPartyId', 'ecid']],
  ['abc.28_20', ['tntId', 'thirdPartyId', 'ecid']],
  ['crm-4711', ['thirdPartyId', 'tntId', 'ecid']],
  ['crm:4711', ['thirdPartyId', 'customerId', 'tntId', 'ecid']],
  ['a/b', ['tntId', 'ecid']],
  ['x'.repeat(200), ['thirdPartyId']],
  ['', []],
])('the form of %j shows which kinds of id it may be', (text, kinds) => {
  expect(likelyKinds(text)).toEqual(kinds);
});

test.each([
  ['abc', 'abc', undefined],
  ['abc.28_20', 'abc', '28_20'],
  ['abc.17', 'abc', '17'],
  ['abc.', 'abc', ''],
])('the location hint of %s is not part of the identity', (sent, value, hint) => {
  expect(parseTntId(sent)).toEqual({ id: { kind: 'tntId', value }, ...(hint === undefined ? {} : { hint }) });
});
