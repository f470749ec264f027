import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lastValue, readParameters } from './parameters.ts';

describe('readParameters', () => {
  test.each<[string, [string, string][]]>([
    ['', []],
    ['a=1', [['a', '1']]],
    ['a', [['a', '']]],
    ['a=', [['a', '']]],
    ['=1', [['', '1']]],
    ['a=b=c', [['a', 'b=c']]],
    ['&&a=1&', [['a', '1']]],
    [
      'b=1&a=2&b=3',
      [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    ],
    ['a+b=c+d', [['a b', 'c d']]],
    ['a%2Bb=%26%3D', [['a+b', '&=']]],
    ['a=%2525', [['a', '%25']]],
    ['a=1;b=2', [['a', '1;b=2']]],
    ['a=%00', [['a', '\0']]],
    ['__proto__=x', [['__proto__', 'x']]],
  ])('reads %j', (text, parameters) => {
    expect(readParameters(text)).toEqual(parameters);
  });

  test.each(['a=%', 'a=%2', 'a=%zz', 'a=%ff', 'a=%C0%80', 'a=%ED%A0%80'])(
    'refuses a bad escape in %j only when that parameter is read',
    (text) => {
      const parameters = readParameters(`${text}&b=1`);
      expect(lastValue(parameters, 'b')).toBe('1');
      expect(() => lastValue(parameters, 'a')).toThrow('a: must be percent-encoded UTF-8');
    },
  );

  test('ignores a parameter whose name has a bad escape, unless it would set an attribute', () => {
    expect(readParameters('%=1&b=2')).toEqual([['b', '2']]);
    expect(() => readParameters('profile.a%=1')).toThrow('profile.a%: must be percent-encoded UTF-8');
  });

  test.each<[string, string]>([
    ['profile.a=20%', '20%'],
    ['profile.a=%', '%'],
    ['profile.a=%2', '%2'],
    ['profile.a=100%+sure,+5%x', '100% sure, 5%x'],
    ['profile.a=%25%', '%%'],
    ['profile%2Ea=5%', '5%'],
  ])('takes a bare percent sign in the value of an attribute literally: %j', (text, value) => {
    expect(readParameters(text)).toEqual([['profile.a', value]]);
  });

  test.each(['profile.a=%ff', 'profile.a=%ED%A0%80', 'a.profile.=%', 'Profile.a=%'])(
    'refuses it elsewhere, and escapes that are not UTF-8: %j',
    (text) => {
      const parameters = readParameters(text);
      expect(() => lastValue(parameters, parameters[0]![0])).toThrow('must be percent-encoded UTF-8');
    },
  );

  test('reads back what encodeURIComponent wrote', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
        const query = pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
        expect(readParameters(query)).toEqual(pairs.filter(([name, value]) => `${name}=${value}` !== ''));
      }),
    );
  });
});

test('lastValue returns the last of several values', () => {
  const parameters = readParameters('a=1&b=2&a=3');
  expect(lastValue(parameters, 'a')).toBe('3');
  expect(lastValue(parameters, 'toString')).toBeUndefined();
});
