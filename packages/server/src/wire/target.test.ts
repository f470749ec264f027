import { describe, expect, test } from 'vitest';
import { decodeSegment, rawPathOf, rawQueryOf, targetLength } from './target.ts';

describe('path and query of a URL', () => {
  test.each([
    ['http://h/a/b?c=d', '/a/b', 'c=d'],
    ['https://h:1/a', '/a', ''],
    ['http://h/', '/', ''],
    ['http://h', '', ''],
    ['http://h/a?b?c', '/a', 'b?c'],
    ['http://h/a?', '/a', ''],
    ['http://h/a%2Fb/%3F?x=%2F', '/a%2Fb/%3F', 'x=%2F'],
    ['http://h/a#f?x', '/a', ''],
    ['http://h/a?x#f', '/a', 'x'],
    ['http://h/a//b', '/a//b', ''],
    ['http://h//a', '//a', ''],
    ['/a/b?c', '/a/b', 'c'],
    ['/a?u=http://h/b', '/a', 'u=http://h/b'],
    ['http://h/a?u=http://h/b', '/a', 'u=http://h/b'],
  ])('are found in %s', (url, path, query) => {
    expect([rawPathOf(url), rawQueryOf(url)]).toEqual([path, query]);
  });

  test('are measured without the host', () => {
    expect(targetLength('http://a-long-host.example/a?b')).toBe(4);
  });
});

test('a segment is decoded once and strictly, and a plus stays a plus', () => {
  expect(decodeSegment('a%252Fb+c', 'id')).toBe('a%2Fb+c');
  for (const bad of ['%', '%1', '%gg', '%ff', '%ED%A0%80']) {
    expect(() => decodeSegment(bad, 'id'), bad).toThrow('id: must be percent-encoded UTF-8');
  }
});
