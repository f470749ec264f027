import { describe, expect, test } from 'vitest';
import { readJsonObject } from './json.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('readJsonObject', () => {
  test('keeps names exactly', () => {
    const object = readJsonObject(bytes('{"__proto__":"a","constructor":"b","toString":"c","":"d"}'));
    expect(Object.entries(object)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
      ['', 'd'],
    ]);
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  });

  test('puts names that look like indexes first', () => {
    expect(Object.keys(readJsonObject(bytes('{"b":1,"10":1,"9":1,"a":1}')))).toEqual(['9', '10', 'b', 'a']);
  });

  test('reads 32 levels and refuses 33, and ignores brackets inside strings', () => {
    const nested = (levels: number) => bytes(`{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`);
    expect(() => readJsonObject(nested(32))).not.toThrow();
    expect(() => readJsonObject(nested(33))).toThrow('32 levels');
    expect(readJsonObject(bytes(`{"a":"${'['.repeat(50)}\\"${'{'.repeat(50)}"}`))).toBeTruthy();
    expect(readJsonObject(bytes(`{"a":[${Array(100).fill('[]').join()}]}`))).toBeTruthy();
  });

  test.each(['', ' ', '{', '[]', '"a"', 'null', '1', '{a:1}', "{'a':1}", '{"a":1,}', '{"a":NaN}', '{} {}'])(
    'refuses %j',
    (text) => expect(() => readJsonObject(bytes(text))).toThrow(/^body: must be/),
  );

  test('refuses text that is not UTF-8, and drops a byte-order mark', () => {
    expect(() => readJsonObject(new Uint8Array([0x7b, 0xff, 0x7d]))).toThrow('body: must be UTF-8');
    expect(readJsonObject(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d]))).toEqual({});
  });
});
